/**
 * The request that an id names: the request's own (`x-request-id`), or the answer's in any of the three formats, which
 * ends with it. Null when it is none of ours.
 */
export const requestOfAnswer = (id: string): string | null =>
  /^(?:chatcmpl-|msg_|resp_[0-9a-z]{6})?([0-9A-HJKMNP-TV-Z]{26})$/.exec(id)?.[1] ?? null;
