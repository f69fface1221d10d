/**
 * Ends the launcher's children when the launcher itself is gone, however it went: run as a process of its own, it
 * reads lines from the launcher, each the process groups that are alive now, and acts when that pipe closes. The
 * launcher's last line in an orderly end is empty.
 */
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { signalGroup } from "./children.ts";

/** So many looks, so far apart, at whether they have ended by themselves. */
const looks = 40;
const lookMs = 50;

let groups: readonly number[] = [];
for await (const line of createInterface({ input: process.stdin })) {
  groups = line.split(" ").filter(Boolean).map(Number);
}
for (const group of groups) signalGroup(group, "SIGTERM");
for (let look = 0; look < looks && groups.some((group) => signalGroup(group, 0)); look += 1) await delay(lookMs);
for (const group of groups) signalGroup(group, "SIGKILL");
