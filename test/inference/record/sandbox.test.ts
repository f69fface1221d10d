import { createServer } from "node:net";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRunTests } from "../../../inference/record/run-tests.ts";
import { openSandbox } from "../../../inference/record/sandbox.ts";

const sandbox = await openSandbox({ wallSeconds: 3 });
const hasBoth = sandbox.languages.size === 2;

const python = async (program: string) => (await sandbox.run("python", program)).stdout.trim();
const javascript = async (program: string) => (await sandbox.run("javascript", program)).stdout.trim();

// Without namespaces nothing is run at all, and prompts with tests are left out.
describe.skipIf(!hasBoth)("the sandbox", () => {
  it("has no network, not even this machine's own", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const connect = `import socket\ntry:\n  socket.create_connection(("127.0.0.1", ${port}), 1)\n  print("in")\nexcept OSError:\n  print("out")`;
    expect(await python(connect)).toBe("out");
    const dial = `import net from "node:net"; net.connect(${port}, "127.0.0.1").on("connect", () => console.log("in")).on("error", () => console.log("out"))`;
    expect(await javascript(dial)).toBe("out");
    server.close();
  });

  it("does not show the files of this machine", async () => {
    const dir = await mkdtemp(join(tmpdir(), "shoal-secret-"));
    const file = join(dir, "secret");
    await writeFile(file, "secret", { mode: 0o644 });
    const paths = JSON.stringify([
      file,
      join(import.meta.dirname, "solutions.jsonl"),
      "/etc/passwd",
      "/proc/1/environ",
    ]);
    const read = `import os\nprint([p for p in ${paths} if os.path.exists(p)])`;
    expect(await python(read)).toBe("[]");
    const look = `import fs from "node:fs"; for (const p of ${paths}) try { fs.readFileSync(p); console.log(p) } catch {}`;
    expect(await javascript(look)).toBe("");
    await rm(dir, { recursive: true });
  });

  it("lets a program write in a folder of its own that is gone afterwards, and nowhere else", async () => {
    const write = `
for path in ("/tmp/kept", "/usr/kept", "/kept"):
  try:
    open(path, "w").write("x")
    print(path)
  except OSError:
    pass`;
    expect(await python(write)).toBe("/tmp/kept");
    expect(await python(`import os\nprint(os.listdir("/tmp"))`)).toBe("[]");
    expect(await readdir("/mnt")).not.toContain("kept");
  });

  it("has no environment and no privilege", async () => {
    const look = `
import os
print(sorted(k for k in os.environ if k != "LC_CTYPE"))
for what in (lambda: os.chroot("/tmp"), lambda: os.setuid(1), lambda: os.mkdir("/new"), lambda: os.kill(1, 9) or os.stat("/proc")):
  try:
    what()
    print("allowed")
  except OSError:
    print("refused")`;
    expect((await python(look)).split("\n")).toEqual(["[]", "refused", "refused", "refused", "refused"]);
  });

  it("bounds how many processes there are, and ends all of them with the program", async () => {
    const bomb = `
import os, time
count = 0
try:
  while True:
    if os.fork() == 0:
      time.sleep(60)
    count += 1
except OSError:
  print(count)`;
    const started = performance.now();
    const count = Number(await python(bomb));
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThan(20);
    // The children held the output open: it is read to its end only because they are gone.
    expect(performance.now() - started).toBeLessThan(2500);
  });

  it("bounds memory", async () => {
    const take = `try:\n  x = bytearray(2 * 2**30)\n  print("had")\nexcept MemoryError:\n  print("refused")`;
    expect(await python(take)).toBe("refused");
    const grab = `try { Buffer.alloc(2 ** 31, 1); console.log("had") } catch { console.log("refused") }`;
    expect(await javascript(grab)).toBe("refused");
    const { code } = await sandbox.run("javascript", "const all = []; for (;;) all.push(new Array(1e6).fill(0.5));");
    // By its own hand, before its time was over.
    expect([0, 137, null]).not.toContain(code);
  });

  it("ends what takes too long, asleep or at work", async () => {
    const [asleep, busy] = await Promise.all([
      sandbox.run("python", "import time\ntime.sleep(60)"),
      sandbox.run("javascript", "for (;;);"),
    ]);
    expect(asleep.code).toBe(137);
    expect(busy.code).toBe(137);
  });

  it("keeps the end of an endless output", async () => {
    const { code, stdout } = await sandbox.run("python", `print("x" * 3_000_000)\nprint("end")`);
    expect(code).toBe(0);
    expect(stdout.length).toBeLessThanOrEqual(65_536);
    expect(stdout.endsWith("end\n")).toBe(true);
  });
});

describe.skipIf(!hasBoth)("unit tests of an answer", () => {
  const run = createRunTests(sandbox, () => "a word of this run");
  const twice = (language: "python" | "javascript", answer: string) =>
    run(
      { kind: "tests", language, tests: language === "python" ? "assert f(2) == 4" : "assert.equal(f(2), 4)" },
      answer,
    );

  it("pass for right code, fenced or bare, script or module", async () => {
    expect(await twice("python", "Here it is:\n```python\ndef f(x):\n    return 2 * x\n```\nDone.")).toBe(true);
    expect(
      await twice("python", 'def f(x): return 2 * x\nif __name__ == "__main__":\n    print(f(int(input())))'),
    ).toBe(true);
    expect(await twice("javascript", "```js\nexport const f = (x) => 2 * x;\n```")).toBe(true);
    expect(await twice("javascript", "function f(x) { return 2 * x; }\nmodule.exports = { f };")).toBe(true);
    expect(await twice("javascript", "const f = (x) => 2 * x;\nexports.f = f;")).toBe(true);
    const own = 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);';
    expect(await twice("javascript", `${own}\nconst f = (x) => 2 * x;`)).toBe(true);
  });

  it("fail for wrong code, none, and code that ends the process before they run", async () => {
    expect(await twice("python", "def f(x): return x")).toBe(false);
    expect(await twice("python", "I would multiply it by two.")).toBe(false);
    expect(await twice("python", "import os\nos._exit(0)")).toBe(false);
    expect(await twice("javascript", "const f = (x) => x;")).toBe(false);
    expect(await twice("javascript", "process.exit(0);")).toBe(false);
  });
});
