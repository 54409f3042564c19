import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { scrollTo, totalHeight, topOf, visibleRows, type Geometry, type LogWindow } from './log-window.js';

/** What a list of rows can be asked to do. */
export interface RowListHandle {
  toEnd(): void;
  toSeq(seq: number): void;
  scrollBy(rows: number): void;
}

interface Props {
  readonly geometry: Geometry;
  readonly following: boolean;
  readonly label: string;
  readonly onUserScroll: (direction: 'up' | 'down', atEnd: boolean) => void;
  /** Rows came into view. */
  readonly onVisible: (rows: LogWindow) => void;
  readonly row: (seq: number, top: number) => ComponentChildren;
  readonly handle: { current: RowListHandle | undefined };
}

/** Pixels from the end that still count as the end: scroll positions are fractions on some screens. */
const END_TOLERANCE = 4;

/**
 * A list of rows of equal height, of which only those on screen are in the page. The browser's own anchoring is off:
 * rows are placed by number, so that nothing moves unless the reader does.
 */
export function RowList({ geometry, following, label, onUserScroll, onVisible, row, handle }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  /** Where this code has scrolled to: any other position is the reader's. */
  const own = useRef(0);
  const before = useRef(0);
  const firstSeen = useRef(geometry.first);

  const height = totalHeight(geometry);
  // Known without asking the browser, and drawn at once: a fast log would otherwise be drawn twice per frame.
  const top = following ? Math.max(0, height - view.height) : view.top;

  const put = (wanted: number): void => {
    const element = scroller.current;
    if (!element) return;
    const bounded = Math.max(0, Math.min(wanted, element.scrollHeight - element.clientHeight));
    own.current = bounded;
    before.current = bounded;
    element.scrollTop = bounded;
  };
  const show = (wanted: number): void => {
    put(wanted);
    const element = scroller.current;
    if (element) setView({ top: element.scrollTop, height: element.clientHeight });
  };

  handle.current = {
    toEnd: () => show(height),
    toSeq: (seq) => show(scrollTo(seq, scroller.current?.clientHeight ?? 0, geometry)),
    scrollBy: (rows) => {
      const element = scroller.current;
      if (!element) return;
      element.scrollTop += rows * geometry.rowHeight;
    },
  };

  useLayoutEffect(() => {
    const element = scroller.current!;
    const resized = new ResizeObserver(() =>
      setView(({ top }) => ({ top: following ? top : element.scrollTop, height: element.clientHeight })),
    );
    resized.observe(element);
    return () => resized.disconnect();
  }, []);

  useLayoutEffect(() => {
    const element = scroller.current!;
    if (following) {
      put(height);
    } else if (geometry.first !== firstSeen.current) {
      // Another part of the log is shown; the caller says where to look.
      show(element.scrollTop - (geometry.first - firstSeen.current) * geometry.rowHeight);
    } else if (view.top !== element.scrollTop) {
      setView({ top: element.scrollTop, height: element.clientHeight });
    }
    firstSeen.current = geometry.first;
  }, [height, following, geometry.first, view.height]);

  const rows = visibleRows(top, view.height, geometry);
  useLayoutEffect(() => onVisible(rows), [rows.first, rows.last, geometry.first, geometry.last]);

  const scrolled = (): void => {
    const { scrollTop, clientHeight, scrollHeight } = scroller.current!;
    const direction = scrollTop < before.current ? 'up' : 'down';
    const isOwn = Math.abs(scrollTop - own.current) < 1;
    const hasMoved = scrollTop !== before.current;
    before.current = scrollTop;
    own.current = -1;
    if (isOwn && following) return;
    setView({ top: scrollTop, height: clientHeight });
    if (!isOwn && hasMoved) onUserScroll(direction, scrollTop + clientHeight >= scrollHeight - END_TOLERANCE);
  };

  // Under a fast log the next line may come before the scroll event of the wheel: the wish counts at once.
  const wheeled = (event: WheelEvent): void => {
    if (event.deltaY < 0 && scroller.current!.scrollTop > 0) onUserScroll('up', false);
  };
  const touched = useRef(0);
  const pressed = (event: KeyboardEvent): void => {
    if (event.target === scroller.current && ['ArrowUp', 'PageUp', 'Home'].includes(event.key))
      onUserScroll('up', false);
    else if (event.key === 'End') onUserScroll('down', true);
  };

  const drawn = [];
  for (let seq = rows.first; seq <= rows.last; seq++) drawn.push(row(seq, topOf(seq, geometry)));
  return (
    <div
      class="rows"
      ref={scroller}
      tabIndex={0}
      role="group"
      aria-label={label}
      onScroll={scrolled}
      onWheel={wheeled}
      onKeyDown={pressed}
      onTouchStart={(event) => (touched.current = event.touches[0]?.clientY ?? 0)}
      onTouchMove={(event) => {
        if ((event.touches[0]?.clientY ?? 0) > touched.current + 4) onUserScroll('up', false);
      }}
    >
      <div class="rows-space" style={{ height: `${height}px` }}>
        {drawn}
      </div>
    </div>
  );
}
