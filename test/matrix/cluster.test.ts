import { clusterOpener } from "@onceover/test/server-openers";
import { describeAdaptersOver } from "@onceover/test/store-matrix";

describeAdaptersOver("Redis Cluster", clusterOpener());
