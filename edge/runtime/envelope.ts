import { createSealer } from "./seal.ts";
import { secretsOf } from "./secrets.ts";

/**
 * Secrets of a tenant at rest: each is encrypted under the tenant's data key and bound to its name, and the data key
 * under the region's secret and bound to the tenant. When the region's secret is rotated, only data keys are wrapped anew.
 */
export interface Envelope {
  /** A new data key, wrapped. */
  make(): Promise<string>;
  /** The same data key under the newest of the region's secrets; null when none of them opens it. */
  rewrap(wrapped: string): Promise<string | null>;
  /** Whether the newest of the region's secrets is not the one that wraps the data key. */
  isOutdated(wrapped: string): Promise<boolean>;
  /** Null when the data key cannot be opened. */
  seal(wrapped: string, name: string, secret: string): Promise<string | null>;
  open(wrapped: string, name: string, sealed: string): Promise<string | null>;
}

export const createEnvelope = (tenant: string, keySecret: string, newId: () => string): Envelope => {
  const region = createSealer(keySecret, newId);
  const ofTenant = `data key ${tenant}`;
  const ofSecret = (name: string) => `secret ${tenant} ${name}`;
  return {
    // 64 hexadecimal digits: 256 bits.
    make: () => region.seal(newId() + newId(), ofTenant),
    async rewrap(wrapped) {
      const dataKey = await region.open(wrapped, ofTenant);
      return dataKey === null ? null : region.seal(dataKey, ofTenant);
    },
    async isOutdated(wrapped) {
      const [newest = "unset"] = secretsOf(keySecret);
      return (await createSealer(newest, newId).open(wrapped, ofTenant)) === null;
    },
    async seal(wrapped, name, secret) {
      const dataKey = await region.open(wrapped, ofTenant);
      return dataKey === null ? null : createSealer(dataKey, newId).seal(secret, ofSecret(name));
    },
    async open(wrapped, name, sealed) {
      const dataKey = await region.open(wrapped, ofTenant);
      return dataKey === null ? null : createSealer(dataKey, newId).open(sealed, ofSecret(name));
    },
  };
};
