/** Standards that a policy can be evidence for. */
export const STANDARDS = {
  iso27001: "ISO/IEC 27001:2022, annex A",
  pci_dss: "PCI DSS 4.0.1",
  gdpr: "Regulation (EU) 2016/679 (GDPR)",
} as const;
export type Standard = keyof typeof STANDARDS;

/** The controls that anything here speaks to: what each asks for, in our words, and what of it no tool can decide. */
export const CONTROLS = {
  "iso27001 A.5.29": {
    asks: "information stays protected during a disruption",
    people: "whether the plan for a disruption has been agreed, and those who carry it out know it",
  },
  "iso27001 A.5.30": {
    asks: "ICT is ready for continuity: objectives are set, the means for them are there, and they are tested",
    people: "whether the objectives are those that the business needs",
  },
  "iso27001 A.8.13": {
    asks: "backups are kept by a policy and tested",
    people: "whether the time that they are kept for is what law and business ask",
  },
  "iso27001 A.8.14": {
    asks: "processing facilities are redundant enough for what availability asks",
    people: "whether the regions' risks are apart enough for the business",
  },
  "pci_dss 1.4": {
    asks: "networks that are trusted and those that are not are kept apart",
    people: "what belongs to the cardholder data environment",
  },
  "pci_dss 3.5": { asks: "stored account data cannot be read where it is stored", people: "which of the data are account data" },
  "pci_dss 4.2": { asks: "strong cryptography protects account data on its way", people: "whether a certificate's owner is trusted" },
  "pci_dss 7.2": { asks: "access is by need, and no wider", people: "whether each person's need is real" },
  "pci_dss 8.4": { asks: "access is with a second factor", people: "who has which factor" },
  "pci_dss 10.2": { asks: "who did what is logged", people: "whether anybody reads it" },
  "gdpr 32": {
    asks: "processing is secured: encrypted, available, restored in time after an incident, and tested",
    people: "whether the level fits the risk to the people whose data it is",
  },
  "gdpr 44": {
    asks: "personal data go to a third country on a legal basis alone",
    people: "whether the basis that is named holds, and the transfer's impact was assessed",
  },
} as const satisfies Record<`${Standard} ${string}`, { asks: string; people: string }>;
export type Control = keyof typeof CONTROLS;

/** As its standard names it. */
export function controlName(control: Control): string {
  const [standard = "", clause = ""] = control.split(" ");
  return `${STANDARDS[standard as Standard]}, ${clause}`;
}
