// A bar chart as SVG text: groups of horizontal bars, each group on its own scale.

const WIDTH = 760;
const LABEL = 150;
const BAR = 18;
const GAP = 4;
const COLORS = { opstream: '#0b6e99', floor: '#9aa5b1' };
const PEER_COLOR = '#d9822b';

/**
 * @param {string} title
 * @param {{title: string, bars: {name: string, label: string, value: number, text: string}[]}[]} groups
 */
export function barChart(title, groups) {
  let y = 30;
  const parts = [];
  for (const group of groups) {
    const bars = group.bars.filter(({ value }) => Number.isFinite(value));
    if (bars.length === 0) continue;
    const scale = (WIDTH - LABEL - 110) / Math.max(...bars.map(({ value }) => value));
    parts.push(`<text x="8" y="${y + 18}" font-weight="600">${escape(group.title)}</text>`);
    y += 28;
    for (const bar of bars) {
      const width = Math.max(1, bar.value * scale);
      const color = COLORS[bar.name] ?? PEER_COLOR;
      parts.push(
        `<text x="${LABEL - 8}" y="${y + 13}" text-anchor="end">${escape(bar.label)}</text>` +
          `<rect x="${LABEL}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" fill="${color}"/>` +
          `<text x="${(LABEL + width + 6).toFixed(1)}" y="${y + 13}">${escape(bar.text)}</text>`,
      );
      y += BAR + GAP;
    }
    y += 10;
  }
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y + 6}" font-family="sans-serif" font-size="12">\n` +
    `<rect width="100%" height="100%" fill="#fff"/>\n<text x="8" y="20" font-size="15" font-weight="600">${escape(title)}</text>\n` +
    `${parts.join('\n')}\n</svg>\n`
  );
}

const escape = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
