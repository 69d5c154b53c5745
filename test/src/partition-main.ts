/**
 * Prints what a partition costs at T1 and at T2.
 *
 * npm run partition -- [seconds]
 */
import { runPartition } from "./partition.js";
import { describeFigures } from "./partition-report.js";

const seconds = Number(process.argv[2] ?? 6);
if (!(seconds > 0)) throw new TypeError(`seconds must be a positive number, got ${process.argv[2]}`);

const T1 = await runPartition({ seconds });
const T2 = await runPartition({ seconds, waitReplicas: 2 });
console.log(describeFigures({ T1, T2 }));
process.exitCode = T2.violations.length === 0 ? 0 : 1;
