import { put } from "./revision.js";

/** Adds 1 to the number that a text is: one of at most 15 digits, so that JavaScript can hold the sum. Any other text becomes 1. */
export const countRevision = (table: string) =>
  put(
    table,
    "countRevision",
    "-- $3 keepMs",
    "'1'",
    "CASE WHEN r.text ~ '^[0-9]{1,15}$' THEN (r.text::bigint + 1)::text ELSE '1' END",
  );
