/** What went wrong, in words for whoever gave the command. */
export class CommandError extends Error {}
