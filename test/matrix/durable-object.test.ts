import { durableObjectOpener } from "@onceover/test/server-openers";
import { describeAdaptersOver } from "@onceover/test/store-matrix";

describeAdaptersOver("Durable Objects", durableObjectOpener());
