import { exportPKCS8, generateKeyPair } from "jose";

/** A service account with a fresh key, in the form in which the cloud hands it out. */
export const serviceAccount = async (tokenUri: string) => {
  const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
  const email = "shoal@fish-1.iam.gserviceaccount.com";
  const credentials = {
    type: "service_account",
    project_id: "fish-1",
    private_key_id: "key-1",
    private_key: await exportPKCS8(privateKey),
    client_email: email,
    token_uri: tokenUri,
  };
  return { email, publicKey, credentials: JSON.stringify(credentials) };
};
