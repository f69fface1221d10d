import { GoogleGenAI } from "@google/genai/web";
import type { BuildClient } from "./sdk.ts";

/** The stable version of the API, the SDK's default, gets new fields last. */
export const buildClient: BuildClient<GoogleGenAI> = ({ baseUrl, apiKey }) =>
  new GoogleGenAI({ apiKey, apiVersion: "v1beta", httpOptions: { baseUrl } });
