export { parameterGroup, subnetGroup } from "./rds-groups";
export { instance } from "./rds-instance";
export { snapshot } from "./rds-snapshot";
