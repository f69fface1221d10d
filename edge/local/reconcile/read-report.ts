import * as z from "zod";
import { err, ok, type Result } from "../../../shared/result.ts";
import { formats } from "./formats/index.ts";
import type { Report } from "./report.ts";

/** Reads a report, whichever of the known formats it is in. */
export const readReport = (text: string): Result<Report, string> => {
  try {
    for (const read of formats) {
      const report = read(text);
      if (report) return ok(report);
    }
  } catch (error) {
    return err(error instanceof z.ZodError ? z.prettifyError(error) : String(error));
  }
  return err("is in none of the formats that are known");
};
