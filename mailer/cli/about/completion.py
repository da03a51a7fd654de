"""The command `completion`: a script by which a shell completes commands and options. The script is click's."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print a script with which SHELL completes the commands and options of mailer.

    \b
    bash: add this line to ~/.bashrc:
        eval "$(mailer completion bash)"
    zsh: add this line to ~/.zshrc:
        eval "$(mailer completion zsh)"
    fish: run this once:
        mailer completion fish > ~/.config/fish/completions/mailer.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "mailer", "_MAILER_COMPLETE").source())
