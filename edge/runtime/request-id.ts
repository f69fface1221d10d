import { ulid } from "ulid";

const idBytes = 16;
/** Random bytes are drawn for so many ids at once: each draw costs as much as an id. */
const drawnIds = 64;

/** Ids that sort by the time at which they were made. `draw` fills an array with random bytes. */
export const createRequestIds = (draw: (bytes: Uint8Array) => void): (() => string) => {
  const bytes = new Uint8Array(idBytes * drawnIds);
  let next = bytes.length;
  const random = (): number => {
    if (next === bytes.length) {
      draw(bytes);
      next = 0;
    }
    // Five bits of a byte make a character.
    return (bytes[next++] ?? 0) / 256;
  };
  return () => ulid(undefined, random);
};
