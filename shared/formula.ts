/** Numbers and formulas as workers write them, evened out until equal ones are spelled alike. */

/** Twelve digits: binary residue must not make two answers of one. */
export const spellNumber = (value: number): string => String(Number(value.toPrecision(12)));

/** A number as a decimal (a percentage keeps its sign), else a formula with its spelling evened out; else null. */
export const canonicalFormula = (raw: string): string | null => {
  const formula = plainFormula(raw);
  const value = evaluate(formula) ?? evaluate(withoutUnits(formula));
  if (value !== null) return spellNumber(value) + percentOf(raw, formula);
  const tight = formula.replaceAll(/\s+/g, "");
  const isFormula = /[\da-z]/i.test(tight) && tight.length <= 80 && !/(?<![\\a-z])[a-z]{3}/i.test(formula);
  return isFormula ? tight : null;
};

const figure =
  /(?<![\w.^{/])[-−–]?[$€£¥]?\d[\d,]*(?:\.\d+)?(?:\s*(?:\\times|×|\*)\s*10\s*\^\s*\{?-?\d+\}?|\s?\/\s?\d+(?![\d/])|e[+-]?\d+)?(?:\s*\\?%)?/gi;

export const firstNumber = (text: string): string | null => numberAt(text, 0);

export const lastNumber = (text: string): string | null => numberAt(text, -1);

const numberAt = (text: string, at: number): string | null => {
  const found = text.match(figure)?.at(at)?.replace(/,+$/, "");
  if (found === undefined) return null;
  const formula = plainFormula(found.replace(/^(-?\d+),(\d{1,2})(?=\D*$)/, "$1.$2"));
  const value = evaluate(formula);
  return value === null ? null : spellNumber(value) + percentOf(found, formula);
};

/** Whether two canonical numbers are one: rounded differently from the third digit on, or 19 % and 0.19 or 19. */
export const sameNumber = (a: string, b: string): boolean => {
  if (a.endsWith("%") === b.endsWith("%")) return isNear(withoutPercent(a), withoutPercent(b));
  const [percent, plain] = a.endsWith("%") ? [a, b] : [b, a];
  const value = withoutPercent(percent);
  return isNear(value, plain) || isNear(spellNumber(Number(value) / 100), plain);
};

const withoutPercent = (text: string): string => text.replace(/%$/, "");

const isNear = (a: string, b: string): boolean => {
  if (a === b) return true;
  const [x, y] = [Number(a), Number(b)];
  if (!Number.isFinite(x) || !Number.isFinite(y)) return false;
  const apart = Math.abs(x - y);
  return apart <= 1e-6 * Math.max(Math.abs(x), Math.abs(y)) || apart <= roundingOf(a, b);
};

/** Half of the last decimal of the shorter of two decimals, when that has three digits that count; else nothing. */
const roundingOf = (a: string, b: string): number => {
  const shorter = decimalsOf(a) <= decimalsOf(b) ? a : b;
  const digits = shorter.replace(/^-?0*\.?0*/, "").replace(".", "");
  if (decimalsOf(shorter) === 0 || digits.length < 3) return 0;
  return 0.5000001 * 10 ** -decimalsOf(shorter);
};

const decimalsOf = (text: string): number => /^-?\d+\.(\d+)$/.exec(text)?.[1]?.length ?? 0;

/** The percent sign of a text whose number is all there is. */
const percentOf = (raw: string, formula: string): string =>
  /\d\s*\\?%/.test(raw) && patterns.decimal.test(formula) ? "%" : "";

const plainFormula = (raw: string): string => {
  const text = raw
    .slice(0, 300)
    .replaceAll(/\\(?:text|mathrm|mbox|textbf|mathbf|operatorname)\s*\{([^{}]*)\}/g, " $1 ")
    .replaceAll(/\\(?:left|right|displaystyle|quad|qquad|ldotp|[,;!: ])/g, "")
    .replaceAll(/\\[dt]frac/g, "\\frac")
    .replaceAll(/\\frac\s*(\d)\s*(\d)/g, "\\frac{$1}{$2}")
    .replaceAll("√", "\\sqrt")
    .replaceAll(/\\sqrt\s*\(?(\d+)\)?/g, "\\sqrt{$1}")
    .replaceAll("π", "\\pi")
    .replaceAll("∞", "\\infty")
    .replaceAll(/\\(?:times|cdot)|×|·/g, "*")
    .replaceAll(/\^\s*\{?\s*\\circ\s*\}?|°|\\degree/g, "")
    .replaceAll(/\\[%$()[\]]|[%$€£¥`]|\*\*|__/g, "")
    .replaceAll(/(\d)(?:,|\{,\})(?=\d{3}(?!\d))/g, "$1")
    .replaceAll(/[−–]/g, "-")
    .trim();
  return withoutWrapping(text.replace(/^(?:[a-z]|[a-z]\(\w\))\s*=\s*/i, "").replace(/[\s.;,:]+$/, ""));
};

/** Brackets around the whole are dropped unless they hold a pair or an interval. */
const withoutWrapping = (text: string): string => (/^\([^(),[\]]*\)$/.test(text) ? text.slice(1, -1).trim() : text);

const withoutUnits = (formula: string): string =>
  formula.replace(/^(-?[\d.][\d.\s*^{}/-]*?)\s*\p{L}[\p{L}\s/^\d.²³]*$/iu, "$1");

const decimal = String.raw`-?(?:\d+(?:\.\d*)?|\.\d+)`;
const patterns = {
  decimal: new RegExp(`^\\+?(${decimal})(?:e([+-]?\\d{1,3}))?$`, "i"),
  fraction: new RegExp(`^(-?)\\\\frac\\{\\s*(${decimal})\\s*\\}\\{\\s*(${decimal})\\s*\\}$`),
  ratio: new RegExp(`^(${decimal})\\s*/\\s*(${decimal})$`),
  mixed: new RegExp(`^(-?)(\\d+)\\s*\\\\frac\\{\\s*(\\d+)\\s*\\}\\{\\s*(\\d+)\\s*\\}$`),
  mixedRatio: /^(-?)(\d+)\s+(\d+)\/(\d+)$/,
  power: new RegExp(`^(?:(${decimal})\\s*\\*\\s*)?(${decimal})\\s*\\^\\s*\\{?\\s*(-?\\d{1,3})\\s*\\}?$`),
} as const;

const evaluate = (formula: string): number | null => {
  const text = formula.trim();
  const plain = patterns.decimal.exec(text);
  if (plain) return finite(Number(plain[1]) * 10 ** Number(plain[2] ?? 0));
  const fraction = patterns.fraction.exec(text);
  if (fraction) return finite(sign(fraction[1]) * (Number(fraction[2]) / Number(fraction[3])));
  const ratio = patterns.ratio.exec(text);
  if (ratio) return finite(Number(ratio[1]) / Number(ratio[2]));
  const mixed = patterns.mixed.exec(text) ?? patterns.mixedRatio.exec(text);
  if (mixed) return finite(sign(mixed[1]) * (Number(mixed[2]) + Number(mixed[3]) / Number(mixed[4])));
  const power = patterns.power.exec(text);
  if (power) return finite(Number(power[1] ?? 1) * Number(power[2]) ** Number(power[3]));
  return null;
};

const sign = (text: string | undefined): number => (text === "-" ? -1 : 1);

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
