const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Two small hexadecimal digits a byte. */
export const toHex = (bytes: ArrayBuffer): string =>
  new Uint8Array(bytes).reduce((text, byte) => text + hexOf[byte], "");
