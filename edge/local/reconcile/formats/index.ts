import type { ReportApi } from "../report-api.ts";
import type { ReadFormat } from "../report.ts";
import { anthropicApi, readAnthropic } from "./anthropic.ts";
import { readAws } from "./aws.ts";
import { readGoogleCloud } from "./google-cloud.ts";
import { openaiApi, readOpenai } from "./openai.ts";
import { openrouterApi, readOpenrouter } from "./openrouter.ts";

/** One line for each format of vendors' reports. */
export const formats: readonly ReadFormat[] = [readOpenai, readAnthropic, readGoogleCloud, readOpenrouter, readAws];

export const apiNames = ["openai", "anthropic", "openrouter"] as const;
export type ApiName = (typeof apiNames)[number];

/** Vendors whose reports can be asked for. */
export const apis: Readonly<Record<ApiName, ReportApi>> = {
  openai: openaiApi,
  anthropic: anthropicApi,
  openrouter: openrouterApi,
};
