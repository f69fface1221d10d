import { describe, expect, it } from "vitest";
import { writeCsv } from "../../../edge/encode/csv.ts";

describe("a table of commas", () => {
  it("quotes what would break a row, and leaves empty what is not there", () => {
    expect(writeCsv(["name", "cost"], [{ name: 'a "b", c', cost: 1.5 }, { cost: -2 }])).toBe(
      'name,cost\r\n"a ""b"", c",1.5\r\n,-2\r\n',
    );
  });

  it.each(["=1+1", "+1", "-1", "@sum", "\tx"])("makes no formula of the name %j", (name) => {
    expect(writeCsv(["name"], [{ name }])).toBe(`name\r\n'${name}\r\n`);
  });
});
