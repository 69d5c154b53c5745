import { readFileSync } from "node:fs";

const PEM = readFileSync(new URL("../fixtures/localhost.pem", import.meta.url));

/** A self-signed certificate for localhost, and its key, for `createServer`. It protects nothing. */
export const LOCALHOST: { readonly key: Buffer; readonly cert: Buffer } = { key: PEM, cert: PEM };
