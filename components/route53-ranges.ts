/**
 * IPv4 ranges of Route 53's health checkers (`ROUTE53_HEALTHCHECKS` in AWS's published `ip-ranges.json`), written down
 * on 2026-11-23; compare them with the published ones when this file is next touched. Data, not a lookup: a policy must
 * not wait for, or change with, a download in the middle of a failover. IPv4 is enough: a check that is given a name
 * asks for its IPv4 address only.
 */
export const ROUTE53_HEALTH_CHECKERS: readonly string[] = [
  "15.177.0.0/18",
  "54.183.255.128/26",
  "54.228.16.0/26",
  "54.232.40.64/26",
  "54.241.32.64/26",
  "54.243.31.192/26",
  "54.244.52.192/26",
  "54.245.168.0/26",
  "54.248.220.0/26",
  "54.250.253.192/26",
  "54.251.31.128/26",
  "54.252.79.128/26",
  "54.252.254.192/26",
  "54.255.254.192/26",
  "107.23.255.0/26",
  "176.34.159.192/26",
  "177.71.207.128/26",
];
