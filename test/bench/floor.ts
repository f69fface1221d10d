/** The least a Worker can do: pass a request on and its answer back. What it costs, no gateway on Workers can avoid. */
export default {
  fetch(request: Request, { UPSTREAM }: { readonly UPSTREAM: string }): Promise<Response> {
    const { pathname } = new URL(request.url);
    return fetch(`${UPSTREAM}${pathname}`, { method: request.method, headers: request.headers, body: request.body });
  },
};
