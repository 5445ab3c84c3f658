import { Component, type ComponentType, h } from 'preact';

/** A component that is drawn again only when one of its properties is another one: most of 200 agents have not changed. */
export function memo<Props extends object>(
  drawn: (props: Props) => ReturnType<typeof h> | null,
): ComponentType<Props> {
  return class extends Component<Props> {
    override shouldComponentUpdate(next: Readonly<Props>): boolean {
      const before = this.props as Readonly<Record<string, unknown>>;
      return Object.entries(next).some(([name, value]) => before[name] !== value);
    }

    override render() {
      return h(drawn as ComponentType<Props>, this.props as Props);
    }
  };
}
