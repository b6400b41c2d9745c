import { etcd, kubernetes } from "./kubernetes";
import { moto } from "./moto";
import type { Part } from "./part";
import { postgresql } from "./postgresql";
import { languageHost, providers, pulumi } from "./pulumi";

/** What the driver needs. */
export const driverParts: readonly Part[] = [pulumi, languageHost];

/** All parts; in the order in which they are made: quick ones first, and a part after those that it is made with. */
export const allParts: readonly Part[] = [postgresql, moto, ...driverParts, providers, etcd, kubernetes];
