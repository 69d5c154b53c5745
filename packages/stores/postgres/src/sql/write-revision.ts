import { put } from "./revision.js";

/** Writes a text over whatever is there. */
export const writeRevision = (table: string) =>
  put(table, "writeRevision", "-- $3 keepMs\n-- $4 text", "$4::text", "$4::text");
