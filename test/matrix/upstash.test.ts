import { upstashOpener } from "@onceover/test/server-openers";
import { describeAdaptersOver } from "@onceover/test/store-matrix";

describeAdaptersOver("Upstash", upstashOpener());
