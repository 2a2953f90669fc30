"""`python -m chaos --seeds 1-25`: run seeds, tell what was violated, exit 1 if anything was."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence

from chaos.parallel import ended, run
from chaos.races import race
from chaos.runners import Course, Runners
from chaos.runners import running as with_runners
from chaos.site import Outcome, tally


def main() -> int:
    """Run the seeds named; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seeds", default="1-25", help="such as 7, 1-25 or 3,5,20-30")
    parser.add_argument("--fleets", type=int, default=1, help="how many seeds run at once")
    parser.add_argument("--verbose", action="store_true", help="show what fab said")
    parser.add_argument("--runners", action="store_true", help="CI runners and a bucket, no fleet")
    parser.add_argument("--races", type=int, default=0, help="so many times, two runners at once")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, ended)
    if options.races:
        return of_runners(race, range(1, options.races + 1), verbose=options.verbose)
    if options.runners:
        return of_runners(Runners.course, seeds(options.seeds), verbose=options.verbose)
    started = time.monotonic()
    outcomes: list[Outcome] = []
    for outcome in run(seeds(options.seeds), options.fleets):
        outcomes.append(outcome)
        show(outcome, verbose=options.verbose)
    summary(outcomes, time.monotonic() - started)
    return 1 if any(outcome.violations for outcome in outcomes) else 0


def of_runners(
    course_of: Callable[[Runners, int], Course], wanted: Sequence[int], *, verbose: bool
) -> int:
    """Run seeds, or races, of CI runners; return the exit code."""
    failed = 0
    with with_runners() as runners:
        for number in wanted:
            course = course_of(runners, number)
            failed += bool(course.violations)
            tell(str(course))
            for violation in course.violations:
                tell(f"    {violation}")
            if verbose or course.violations:
                tell(course.output)
    tell(f"{len(wanted)} runs; {failed} violated")
    return 1 if failed else 0


def seeds(text: str) -> list[int]:
    """Return the seeds that a text such as 3,5,20-30 names."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def show(outcome: Outcome, *, verbose: bool) -> None:
    """Tell how a seed went; where something was violated, all that helps to find out why."""
    schedule = outcome.schedule
    missed = "" if outcome.met else " (no fault met)"
    verdict = "VIOLATED" if outcome.violations else "ok"
    tell(
        f"seed {schedule.seed}: {verdict}, exits {outcome.codes}, {outcome.seconds:.0f} s: "
        f"{schedule}{missed}"
    )
    for violation in outcome.violations:
        tell(f"    {violation}")
    if verbose or outcome.violations:
        for ran in outcome.ran:
            tell(f"  --- fab staging {ran.task}: {ran.code}\n{ran.output}")
    if outcome.violations:
        tell(f"  replay: python -m chaos --seeds {schedule.seed} --verbose")


def summary(outcomes: list[Outcome], seconds: float) -> None:
    """Tell what all seeds came to."""
    for fault in sorted({fault for outcome in outcomes for fault in outcome.impossible}):
        tell(f"left out, for this machine cannot have it (see docs/chaos.md): {fault}")
    faults = ", ".join(f"{kind} {count}" for kind, count in tally(outcomes).most_common())
    failed = [outcome for outcome in outcomes if outcome.violations]
    tell(
        f"{len(outcomes)} seeds in {seconds:.0f} s; faults: {faults or 'none'}; "
        f"{sum(outcome.requests for outcome in outcomes):,} requests by readers; "
        f"{sum(len(outcome.violations) for outcome in failed)} violations"
    )
    if failed:
        tell("failed: " + ",".join(str(outcome.schedule.seed) for outcome in failed))


def tell(text: str) -> None:
    """Say a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
