/** The entry point `@onceover/core/encryption`: apart from the rest, for those who want it. */
export { type EncryptionOptions, encryptRecords } from "./encrypt-records.js";
export type { EncryptionKey } from "./encryption-keys.js";
