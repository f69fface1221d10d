/** A terminal's Ctrl-C arrives twice under npm, which forwards it; what comes later is a second press. */
const samePressMs = 500;

/** The first Ctrl-C lets running calls end, the second ends them. */
export const watchSignals = (
  print: (text: string) => void,
): { readonly stop: AbortSignal; readonly abort: AbortSignal } => {
  const stop = new AbortController();
  const abort = new AbortController();
  let since: number | null = null;
  const onSignal = () => {
    if (since !== null && performance.now() - since > samePressMs) abort.abort();
    if (since === null) print("\nStopping once the running calls have answered. Again ends them: they may be billed.");
    since ??= performance.now();
    stop.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, onSignal);
  return { stop: stop.signal, abort: abort.signal };
};
