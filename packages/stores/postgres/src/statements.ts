import { abandon } from "./sql/abandon.js";
import { acquire, acquireWithin } from "./sql/acquire.js";
import { complete, completeWithin } from "./sql/complete.js";
import { countRevision } from "./sql/count-revision.js";
import { forget } from "./sql/forget.js";
import { forgetScope } from "./sql/forget-scope.js";
import { listRevisions } from "./sql/list-revisions.js";
import { read } from "./sql/read.js";
import { removeRevision } from "./sql/remove-revision.js";
import { renew } from "./sql/renew.js";
import { sweep } from "./sql/sweep.js";
import { sweepRevisions } from "./sql/sweep-revisions.js";
import { settled } from "./sql/transaction.js";
import { unknowns } from "./sql/unknowns.js";
import { watch } from "./sql/watch.js";
import { writeRevision } from "./sql/write-revision.js";

/** The SQL of every verb of the store, for the table of one schema. */
export type Statements = ReturnType<typeof statementsFor>;

/** Writes the texts; `schema` must be one that `checkSchema` passed, since it is all that is not a parameter. */
export function statementsFor(schema: string) {
  const table = `"${schema}".records`;
  return {
    acquire: acquire(table),
    acquireWithin: acquireWithin(table),
    renew: renew(table),
    complete: complete(table),
    completeWithin: completeWithin(table),
    settled: settled(table),
    abandon: abandon(table),
    read: read(table),
    forget: forget(table),
    forgetScope: forgetScope(table),
    watch: watch(table),
    unknowns: unknowns(table),
    sweep: sweep(table),
  } as const;
}

/** The same for the verbs of the registry. */
export function revisionStatementsFor(schema: string) {
  const table = `"${schema}".revisions`;
  return {
    write: writeRevision(table),
    count: countRevision(table),
    list: listRevisions(table),
    remove: removeRevision(table),
    sweep: sweepRevisions(table),
  } as const;
}
