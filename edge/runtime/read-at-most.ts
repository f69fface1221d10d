/** A body's text; null when it has more bytes than that, of which the rest is not read. */
export const readAtMost = async ({ body }: Pick<Response, "body">, mostBytes: number): Promise<string | null> => {
  const text = new TextDecoder();
  const pieces: string[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > mostBytes) return null;
    pieces.push(text.decode(chunk, { stream: true }));
  }
  return pieces.join("") + text.decode();
};
