export type Period = 'day' | 'week' | 'month' | 'year';

const DAY_MS = 86_400_000;

/** Names of days, weeks (ISO 8601), months and years in a time zone. */
export class Calendar {
  private readonly format: Intl.DateTimeFormat;
  /** Backups of one night share a day: formatting takes a microsecond, looking it up less. */
  private last: { ms: number; date: string } | null = null;

  /** Throws RangeError for a zone the system does not know. */
  constructor(timeZone: string) {
    // The Swedish form is ISO 8601.
    this.format = new Intl.DateTimeFormat('sv', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
  }

  /** `2026-05-01`, `2026-W18`, `2026-05`, `2026`. */
  nameOf(period: Period, ms: number): string {
    const date = this.dateOf(ms);
    if (period === 'day') return date;
    if (period === 'month') return date.slice(0, 7);
    return period === 'year' ? date.slice(0, 4) : weekOf(date);
  }

  private dateOf(ms: number): string {
    if (this.last?.ms !== ms) this.last = { ms, date: this.format.format(ms) };
    return this.last.date;
  }
}

/** A week belongs to the year its Thursday is in. */
function weekOf(date: string): string {
  const midnight = Date.parse(`${date}T00:00:00Z`);
  const weekday = (new Date(midnight).getUTCDay() + 6) % 7;
  const thursday = new Date(midnight + (3 - weekday) * DAY_MS);
  const newYear = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  const week = Math.floor((thursday.getTime() - newYear) / DAY_MS / 7) + 1;
  return `${thursday.getUTCFullYear()}-W${String(week).padStart(2, '0')}`;
}
