import { exportPKCS8, generateKeyPair } from "jose";

/** A service account with a fresh key, in the form in which the cloud hands it out. */
export const serviceAccount = async () => {
  const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
  const email = "shoal@fish-1.iam.gserviceaccount.com";
  const key = await exportPKCS8(privateKey);
  return {
    email,
    publicKey,
    credentialsFor: (tokenUri: string) =>
      JSON.stringify({
        type: "service_account",
        project_id: "fish-1",
        private_key_id: "key-1",
        private_key: key,
        client_email: email,
        token_uri: tokenUri,
      }),
  };
};
