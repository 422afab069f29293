// Makes the tables again for what the filters choose, and draws the charts from the tables' rows. Amounts are whole
// numbers (BigInt) of the smallest unit; only the lengths of bars are floats. `_tables.py` has the same tables in Python.
"use strict";
{
  const data = JSON.parse(document.getElementById("data").textContent);
  const TOP = 12, MONTHS = 6, COLORS = 6;
  const base = 10n ** BigInt(data.places);
  const byId = (id) => document.getElementById(id);
  const abs = (number) => (number < 0n ? -number : number);
  const add = (sums, key, number) => sums.set(key, (sums.get(key) ?? 0n) + number);
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0n);
  const descending = (a, b) => (a < b ? 1 : a > b ? -1 : 0);

  const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
  const sign = (number, shown, plus) => (!shown ? "" : number < 0n ? "-" : plus ? "+" : "");
  const money = (number, plus = false) => {
    const cents = (abs(number) * 200n + base) / (2n * base);
    return `${sign(number, cents, plus)}${grouped(cents / 100n)}.${String(cents % 100n).padStart(2, "0")}`;
  };
  const percent = (part, whole, plus = false) => {
    if (!whole) return "";
    const tenths = (abs(part) * 2000n + abs(whole)) / (2n * abs(whole));
    return `${sign(part * whole, tenths, plus)}${grouped(tenths / 10n)}.${tenths % 10n} %`;
  };

  // What the filters choose: the numbers of its cells (one currency, project and set of tags each).
  const value = (id) => byId(id)?.value ?? "";
  const choose = () => {
    const currency = Number(value("filter-currency"));
    const project = value("filter-project");
    const [tag, tagValue] = value("filter-tag").split(",");
    return new Set([...data.cells.keys()].filter((number) => {
      const cell = data.cells[number];
      return cell[0] === currency && (project === "" || cell[1] === Number(project))
        && (tag === "" || cell[2][tag] === Number(tagValue));
    }));
  };

  // The keys to show, in order of their sums, and the others. A large credit is shown, too.
  const largest = (sums, count) => {
    const ranked = [...sums.keys()].sort((a, b) => descending(abs(sums.get(a)), abs(sums.get(b))) || a - b);
    const shown = ranked.slice(0, count).sort((a, b) => descending(sums.get(a), sums.get(b)) || a - b);
    return [shown, ranked.slice(count)];
  };

  // Each table is { rows: [[text]], footer, bars }, where bars are the rows with their numbers, for the chart.
  const sumsTable = (labels, sums, inOrder = false) => {
    const total = sum([...sums.values()]);
    const [shown, rest] = inOrder ? [[...sums.keys()].sort((a, b) => a - b), []] : largest(sums, TOP);
    const bars = shown.map((key) => ({ key: labels[key], number: sums.get(key) }));
    if (rest.length) bars.push({ key: `(${rest.length} more)`, number: sum(rest.map((key) => sums.get(key))) });
    return {
      rows: bars.map(({ key, number }) => [key, money(number), percent(number, total)]),
      footer: ["Total", money(total), percent(total, total)],
      bars,
    };
  };
  const byKind = (kind, cells) => {
    const { keys, rows } = data.kinds[kind];
    // A month without lines is a month.
    const sums = new Map(kind === "period" ? keys.map((_, key) => [key, 0n]) : []);
    for (const [cell, key, amount] of rows) if (cells.has(cell)) add(sums, key, BigInt(amount));
    return sumsTable(keys, sums, kind === "day" || kind === "period");
  };
  const byCell = (labels, key, cells) => {
    const sums = new Map();
    for (const number of cells) add(sums, key(data.cells[number]), BigInt(data.cells[number][3]));
    return sumsTable(labels, sums);
  };
  // The bars of a chart over time: for each key, the largest projects and the others.
  const stacked = (kind, cells) => {
    const totals = new Map(), sums = new Map();
    for (const number of cells) add(totals, data.cells[number][1], BigInt(data.cells[number][3]));
    const [own, rest] = largest(totals, totals.size > COLORS ? COLORS - 1 : COLORS);
    if (kind === "period" && own.length) data.kinds.period.keys.forEach((_, key) => sums.set(`${key},0`, 0n));
    for (const [cell, key, amount] of data.kinds[kind].rows) {
      if (!cells.has(cell)) continue;
      const place = own.indexOf(data.cells[cell][1]);
      add(sums, `${key},${place < 0 ? own.length : place}`, BigInt(amount));
    }
    return [...sums].map(([at, number]) => {
      const [key, order] = at.split(",").map(Number);
      const project = order < own.length ? data.projects[own[order]] : `(${rest.length} more)`;
      return { key: data.kinds[kind].keys[key], project, order, number };
    }).filter(({ key }) => /^\d/.test(key)).sort((a, b) => a.order - b.order || (a.key < b.key ? -1 : 1));
  };

  const knownMonths = data.kinds.period.keys.flatMap((key, number) => (/^\d/.test(key) ? [number] : []));
  const complete = knownMonths.filter((number) => !data.open.includes(number));
  const compared = complete.length > 1 ? complete : knownMonths;
  const months = compared.length > 1 ? compared.slice(-MONTHS) : [];
  const monthCells = (sums) => {
    const amounts = months.map((month) => sum(sums.map((each) => each.get(month) ?? 0n)));
    const before = amounts.at(-2), change = amounts.at(-1) - before;
    return [...amounts.map((amount) => money(amount)), money(change, true), percent(change, abs(before), true)];
  };
  const monthTable = (cells) => {
    const sums = new Map();
    for (const [cell, period, amount] of data.kinds.period.rows) {
      if (!cells.has(cell)) continue;
      const project = data.cells[cell][1];
      if (!sums.has(project)) sums.set(project, new Map());
      add(sums.get(project), period, BigInt(amount));
    }
    const last = new Map([...sums].map(([key, each]) => [key, each.get(months.at(-1)) ?? 0n]));
    const [shown, rest] = largest(last, TOP);
    const rows = shown.map((key) => [data.projects[key], ...monthCells([sums.get(key)])]);
    if (rest.length) rows.push([`(${rest.length} more)`, ...monthCells(rest.map((key) => sums.get(key)))]);
    return { rows, footer: ["Total", ...monthCells([...sums.values()])] };
  };
  const changeTable = (cells) => {
    const [before, last] = months.slice(-2);
    const sums = new Map();
    for (const [cell, period, service, amount] of data.change) {
      if (!cells.has(cell) || (period !== before && period !== last)) continue;
      const project = data.cells[cell][1], key = `${project},${service}`;
      if (!sums.has(key)) sums.set(key, { project, service, amounts: [0n, 0n] });
      sums.get(key).amounts[Number(period === last)] += BigInt(amount);
    }
    const moved = [...sums.values()].map((each) => ({ ...each, by: each.amounts[1] - each.amounts[0] }))
      .filter(({ by }) => by).sort((a, b) => descending(abs(a.by), abs(b.by)) || a.project - b.project || a.service - b.service);
    return { rows: moved.slice(0, TOP).map(({ project, service, amounts, by }) => [
      data.projects[project], data.kinds.service.keys[service], ...amounts.map((amount) => money(amount)), money(by, true),
    ]) };
  };
  const linesTable = (name, cells) => ({
    rows: data[name].filter(([cell]) => cells.has(cell)).slice(0, 10).map(([cell, amount, day, cluster, sku, text]) => [
      day, data.projects[data.cells[cell][1]], cluster, sku, text, money(BigInt(amount)),
    ]),
  });

  const fill = (name, { rows, footer }, textColumns = 1) => {
    const table = byId(`table-${name}`);
    const headings = [...table.tHead.rows[0].cells];
    const makeRow = (cells, isFooter) => {
      const row = document.createElement("tr");
      cells.forEach((text, column) => {
        const cell = document.createElement(column ? "td" : "th");
        if (!column) cell.scope = "row";
        if (column >= textColumns) {
          cell.className = "number";
          // A phone shows it, since a row is a block there.
          cell.dataset.label = headings[column].textContent;
        }
        if (column >= textColumns || isFooter) cell.textContent = text;
        else cell.appendChild(document.createElement("bdi")).textContent = text;
        row.append(cell);
      });
      return row;
    };
    table.tBodies[0].replaceChildren(...rows.map((cells) => makeRow(cells, false)));
    if (footer) table.tFoot.replaceChildren(makeRow(footer, true));
  };

  const views = {};
  let drawing = Promise.resolve();
  const options = { ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip: { disableDefaultStyle: true } };
  const draw = async (name, bars) => {
    const place = byId(`chart-${name}`);
    place.hidden = !bars.length;
    if (!bars.length) return;
    const isTime = name === "day" || name === "period";
    const rows = bars.map(({ key, project, order, number }) => ({
      // Vega keeps names as keys of plain objects, where `constructor` is taken; SVG drops the blank.
      key: isTime ? key : ` ${key}`, project: ` ${project}`, order,
      // Enough digits for a bar's length.
      amount: Number(number * 1000n / base) / 1000, text: money(number),
    }));
    // As many columns of names, and as long ones, as there is room for; on a phone, a name is above its bar.
    const { config, encoding } = data.charts[name];
    const above = !isTime && place.clientWidth < 480;
    config.legend.columns = Math.max(1, Math.floor(place.clientWidth / 160));
    config.axis.labelLimit = Math.round(place.clientWidth * (above ? 1 : 0.4));
    config.axisQuantitative.tickCount = above ? 3 : 4;
    const y = above ? {
      ...encoding.y,
      scale: { paddingInner: 0.6, paddingOuter: 0.5 },
      axis: { ...encoding.y.axis, labelAlign: "left", labelPadding: 0, labelOffset: -15 },
    } : encoding.y;
    const height = isTime ? data.charts[name].height : (above ? 42 : 24) * rows.length;
    // Made anew, since a chart that gets other rows keeps the old order of their names.
    views[name]?.finalize();
    const chart = { ...data.charts[name], encoding: { ...encoding, y }, height, datasets: { rows } };
    views[name] = await vegaEmbed(place.firstElementChild, chart, options);
  };

  const show = () => {
    const cells = choose();
    const chosen = [...cells].map((number) => data.cells[number]);
    const total = sum(chosen.map((cell) => BigInt(cell[3]))), credits = sum(chosen.map((cell) => BigInt(cell[4])));
    const untagged = sum(chosen.filter((cell) => !cell[2].some(Boolean)).map((cell) => BigInt(cell[3]) - BigInt(cell[4])));
    const lines = chosen.reduce((count, cell) => count + cell[5], 0);
    byId("figure-total").textContent = money(total);
    byId("figure-credits").textContent = money(credits);
    byId("figure-untagged").textContent = data.tags.length ? percent(untagged, total - credits) : "no tags";
    byId("figure-lines").textContent = grouped(lines);

    const tables = { project: byCell(data.projects, (cell) => cell[1], cells) };
    for (const kind of Object.keys(data.kinds)) if (byId(`table-${kind}`)) tables[kind] = byKind(kind, cells);
    if (data.tags.length) {
      const key = Number(value("tag-key"));
      byId("tag-name").textContent = data.tags[key].key;
      tables.tag = byCell(data.tags[key].values, (cell) => cell[2][key], cells);
    }
    for (const [name, table] of Object.entries(tables)) fill(name, table);
    if (months.length) {
      fill("month", monthTable(cells));
      fill("change", changeTable(cells), 2);
    }
    for (const name of ["largest", "credits"]) {
      const table = linesTable(name, cells);
      fill(name, table, 5);
      byId(`no-${name}`).hidden = table.rows.length > 0;
    }

    const currency = data.currencies[Number(value("filter-currency"))];
    for (const each of document.querySelectorAll("[data-currency]")) each.textContent = currency;
    const selected = ["project", "tag"].map((name) => byId(`filter-${name}`)).filter((select) => select?.value);
    const names = selected.map((select) => select.selectedOptions[0].textContent);
    byId("status").textContent = names.length
      ? `Only ${names.join(" and ")}: ${money(total)} ${currency}, ${grouped(lines)} ${lines === 1 ? "line" : "lines"}` : "";
    drawing = drawing.then(() => Promise.all(Object.keys(data.charts).map((name) => (
      draw(name, name === "day" || name === "period" ? stacked(name, cells) : tables[name].bars)))));
    drawing.then(() => { document.documentElement.dataset.drawn = byId("status").textContent; });
  };

  for (const id of ["filters", "tag-form"]) {
    const form = byId(id);
    if (!form) continue;
    form.hidden = false;
    // A browser may keep what was chosen before the page was loaded again.
    form.reset();
    form.addEventListener("change", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(show));
  }
  show();
}
