"""The command `help`: the same text as `--help` of the command that is named."""

import click


@click.command("help")
@click.argument("names", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def help_command(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Show the help of a command, such as: mailer help list sync."""
    found = ctx.find_root()
    for name in names:
        group = found.command
        if not isinstance(group, click.Group):
            raise click.UsageError(f"“{found.command_path}” has no commands of its own.", ctx=found)
        resolved, command, _ = group.resolve_command(found, [name])
        if command is not None:
            found = click.Context(command, info_name=resolved, parent=found)
    click.echo(found.get_help())
