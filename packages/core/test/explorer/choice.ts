import type { Deed, Fault, World } from "./world.js";

/** One thing that can happen next. */
export interface Choice {
  readonly kind: Fault | Deed | Move;
  readonly fault: boolean;
  /** To whom or what it happens. */
  readonly subject: string;
  act(): void;
}

/** What happens without a fault, beside a handler's deeds. */
export type Move =
  | "send to"
  | "hang up"
  | "deliver"
  | "deliver to a sleeper"
  | "apply late"
  | "resume"
  | "resume, replies first"
  | "time passes";

/** Something that may happen. */
export function move(world: World, kind: Choice["kind"], subject: string, happen: () => void): Choice {
  const act = () => {
    world.fresh = false;
    happen();
  };
  return { kind, fault: false, subject, act };
}

/** A choice as a person reads it. */
export function tellChoice({ kind, subject }: Choice): string {
  return `${kind} ${subject}`.trim();
}
