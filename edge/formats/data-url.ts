/** The bytes of a base64 data URL; null for anything else. */
export const readDataUrl = (url: string): { mediaType: string; base64: string } | null => {
  const [, mediaType, base64] = /^data:([\w.+-]+\/[\w.+-]+);base64,([A-Za-z0-9+/]+={0,2})$/.exec(url) ?? [];
  return mediaType && base64 && base64.length % 4 === 0 ? { mediaType, base64 } : null;
};

/** An image at an http(s) URL or in a data URL; null for anything else. */
export const readImageUrl = (url: string) => {
  const data = readDataUrl(url);
  if (data) return data.mediaType.startsWith("image/") ? data : null;
  return /^https?:\/\/\S+$/.test(url) ? { url } : null;
};
