import { Component, createElement, type ComponentType, type FunctionComponent, type VNode } from 'preact';

/** Draws a component again only when a property has changed; `preact/compat` would bring much more than this. */
export function memo<Props extends object>(inner: FunctionComponent<Props>): ComponentType<Props> {
  return class Memo extends Component<Props> {
    override shouldComponentUpdate(next: Readonly<Props>): boolean {
      const current = this.props as Props;
      const names = Object.keys(next) as (keyof Props)[];
      return (
        names.length !== Object.keys(current).length || names.some((name) => next[name] !== current[name])
      );
    }

    override render(): VNode<Props> {
      return createElement<Props>(inner, this.props);
    }
  };
}
