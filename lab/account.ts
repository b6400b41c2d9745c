/** Account of all ARNs in the lab. */
export const ACCOUNT = "123456789012";
