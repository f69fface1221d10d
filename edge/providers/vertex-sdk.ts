import { GoogleGenAI } from "@google/genai/web";
import type { BuildClient } from "./sdk.ts";

/** It insists on a key, which is not what the platform takes and never leaves: `vertex.ts` writes the head. */
export const buildClient: BuildClient<GoogleGenAI> = ({ baseUrl }) =>
  new GoogleGenAI({ apiKey: "unused", vertexai: true, apiVersion: "v1beta1", httpOptions: { baseUrl } });
