import { etcd, kubernetes } from "./kubernetes";
import { moto } from "./moto";
import type { Part } from "./part";
import { postgresql } from "./postgresql";
import { languageHost, policyAnalyzer, providers, pulumi } from "./pulumi";

/** What the driver needs. */
export const driverParts: readonly Part[] = [pulumi, languageHost];

/** What it needs to hold stacks against the policy pack. */
export const policyParts: readonly Part[] = [...driverParts, policyAnalyzer];

/** All parts; in the order in which they are made: quick ones first, and a part after those that it is made with. */
export const allParts: readonly Part[] = [postgresql, moto, ...policyParts, providers, etcd, kubernetes];
