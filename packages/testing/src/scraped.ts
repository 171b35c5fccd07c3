// Reads metrics as Prometheus does: from the text that a program serves.

/** The sum of all series of a name that carry at least these labels; 0 when there are none. */
export function scraped(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  return seriesOf(text, name)
    .filter((series) => Object.entries(labels).every(([label, value]) => series.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

export interface ScrapedSeries {
  /** Name and labels as they stand in the text. */
  readonly series: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Every series of a name, in the order of the text. */
export function seriesOf(text: string, name: string): readonly ScrapedSeries[] {
  return text.split('\n').flatMap((line) => {
    const [, series, found, inBraces = '', value] = SERIES.exec(line) ?? [];
    if (found !== name) return [];
    const labels = Object.fromEntries([...inBraces.matchAll(LABEL)].map(([, label, text]) => [label!, text!]));
    return [{ series: series!, labels, value: Number(value) }];
  });
}

const SERIES = /^((\w+)(?:\{(.*)\})?) (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
