"""``python dying_launcher.py STEP -m trl.scripts.sft …``: TRL, killed while it writes the checkpoint of that step, before its state."""

import os
import runpy
import signal
import sys


def main() -> None:
    from transformers.trainer_callback import TrainerState

    step = int(sys.argv[1])
    write = TrainerState.save_to_json

    def dies(self: TrainerState, path: str) -> None:
        if self.global_step == step and path.endswith("trainer_state.json"):
            os.kill(os.getpid(), signal.SIGKILL)
        write(self, path)

    TrainerState.save_to_json = dies
    sys.argv = [sys.argv[3], *sys.argv[4:]]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
