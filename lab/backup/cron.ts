/** When a schedule comes round, by field: the values that each may have. */
export interface Cron {
  minutes: ReadonlySet<number>;
  hours: ReadonlySet<number>;
  days: ReadonlySet<number>;
  months: ReadonlySet<number>;
  /** 1 is Sunday. */
  weekdays: ReadonlySet<number>;
  years: ReadonlySet<number>;
}

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/**
 * Reads an AWS cron expression, as in `cron(0 0/2 * * ? *)`. Pure.
 * @throws RangeError for anything else, `L`, `W` and `#` among it
 */
export function parseCron(text: string): Cron {
  const fields = /^cron\((.*)\)$/.exec(text.trim())?.[1]?.trim().split(/\s+/) ?? [];
  const [minutes, hours, days, months, weekdays, years, ...more] = fields;
  if (minutes === undefined || hours === undefined || days === undefined || months === undefined) throw wrong(text);
  if (weekdays === undefined || years === undefined || more.length > 0) throw wrong(text);
  // One of the two days says nothing, and only there that may be.
  if ((days === "?") === (weekdays === "?")) throw wrong(text);
  const read = (field: string, from: number, to: number, names: string[] = []): Set<number> => {
    const values = new Set<number>();
    for (const part of field.split(",")) {
      const [, first = "", last, step] = /^([^-/]+)(?:-([^-/]+))?(?:\/(\d+))?$/.exec(part) ?? [];
      const number = (word: string): number => {
        const named = names.indexOf(word.toUpperCase());
        const value = named >= 0 ? named + from : /^\d+$/.test(word) ? Number(word) : NaN;
        if (!(value >= from && value <= to)) throw wrong(text);
        return value;
      };
      const begin = first === "*" ? from : number(first);
      const end = last !== undefined ? number(last) : first === "*" || step !== undefined ? to : begin;
      const by = Number(step ?? 1);
      if (by < 1 || end < begin) throw wrong(text);
      for (let value = begin; value <= end; value += by) values.add(value);
    }
    return values;
  };
  return {
    minutes: read(minutes, 0, 59),
    hours: read(hours, 0, 23),
    days: read(days === "?" ? "*" : days, 1, 31),
    months: read(months, 1, 12, MONTHS),
    weekdays: read(weekdays === "?" ? "*" : weekdays, 1, 7, WEEKDAYS),
    years: read(years, 1970, 2199),
  };
}

/** Whether the schedule comes round in the minute of that moment, UTC. Pure. */
export function comesRound({ minutes, hours, days, months, weekdays, years }: Cron, at: Date): boolean {
  return (
    minutes.has(at.getUTCMinutes()) &&
    hours.has(at.getUTCHours()) &&
    days.has(at.getUTCDate()) &&
    months.has(at.getUTCMonth() + 1) &&
    weekdays.has(at.getUTCDay() + 1) &&
    years.has(at.getUTCFullYear())
  );
}

function wrong(text: string): RangeError {
  return new RangeError(`${text} is no cron expression of minutes, hours, day, month, weekday and year, as in cron(0 * * * ? *)`);
}
