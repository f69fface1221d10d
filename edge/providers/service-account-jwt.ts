import { importPKCS8 } from "jose/key/import";
import { SignJWT } from "jose/jwt/sign";

export type Claims = {
  readonly issuer: string;
  readonly audience: string;
  readonly scope: string;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  readonly expiresAt: number;
};

/** A claim that a service account makes of itself, signed by RS256. `privateKey`: PKCS #8 in PEM. */
export const signClaims = async (claims: Claims, privateKey: string, keyId: string | undefined): Promise<string> =>
  new SignJWT({ scope: claims.scope })
    .setProtectedHeader({ alg: "RS256", typ: "JWT", ...(keyId !== undefined && { kid: keyId }) })
    .setIssuer(claims.issuer)
    .setAudience(claims.audience)
    .setIssuedAt(claims.issuedAt)
    .setExpirationTime(claims.expiresAt)
    .sign(await importPKCS8(privateKey, "RS256"));
