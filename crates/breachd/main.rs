//! The command line's end: parses, logs, hands on, and turns the outcome into an exit code.

use anyhow::Context as _;
use breachd::{
    asked, audit,
    cli::{
        AlertCommand, AuditCommand, ChannelsCommand, Cli, Command, ContactsCommand, DeadLetterCommand, DrillCommand,
        IncidentsCommand, InputFile, IntegrationsCommand, LogFormat, RegisterCommand, ReplayArgs, RouteCommand,
        VerdictArgs,
    },
    contacts, dead_letter, demo, discover, drafts, drill, erase, explain, incident_work, incidents, manual, outbox,
    probes, register, replay, route_explain, run,
    settings::{self, Settings, Usage, load::Mistake},
    silences,
    size::Size,
    sources,
    topics::Topics,
    verdicts, wall,
};
use clap::Parser;
use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

/// Tallies are small blocks that one thread makes and another frees, by the million, and after a crowd has passed the memory has to go back
/// to the system: with glibc's allocator a million entities at rest kept 2.7 GiB of what their busiest hour had taken, and replay took a
/// fifth more processor time (`cargo bench --bench streams -- entities`, `breachd replay` of `simulator workload`). jemalloc gave no time
/// and kept nearly as much. librdkafka keeps using the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit codes that scripts rely on.
const FAILED: u8 = 1;
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log(&cli);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let outcome = runtime.block_on(command(cli.command));
    runtime.shutdown_timeout(Duration::from_secs(1));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => fail(&error),
    }
}

/// True: all is well. False: it ran, and what it found is not well.
async fn command(command: Command) -> anyhow::Result<bool> {
    let mut out = io::stdout();
    match command {
        Command::Demo { headless, listen } => demo::run(headless, listen).await,
        Command::Run { config, roles } => run::run(load(&config.files)?, &config.files, &roles).await,
        Command::Replay(mut arguments) => {
            let settings = load(&arguments.config.files)?;
            written(&mut arguments.input, arguments.written_at);
            if arguments.against.is_empty() {
                return blocking(move || replay_files(&settings, &arguments)).await;
            }
            let after = load(&arguments.against)?;
            blocking(move || compare(&settings, &after, &arguments)).await
        }
        Command::Check { config } => {
            let settings = load(&config.files)?;
            writeln!(
                out,
                "the configuration is sound: {} sources, {} channels, {} triggers, {} signature rules",
                settings.sources.len(),
                settings.channels.len(),
                settings.triggers.len(),
                settings.rules.rules().len()
            )?;
            settings.notes(wall::now()).iter().try_for_each(|note| writeln!(out, "note: {note}"))?;
            Ok(true)
        }
        Command::Size { asked, json } => {
            let size = Size::predict(asked, detector::Settings::default().false_pages_per_week);
            if json {
                writeln!(out, "{}", serde_json::to_string_pretty(&size)?)?;
            } else {
                size.print(&mut out)?;
            }
            Ok(true)
        }
        Command::Formats { name: None } => {
            manual::list(&mut out)?;
            Ok(true)
        }
        Command::Formats { name: Some(name) } => {
            manual::page(&name, &mut out)?;
            Ok(true)
        }
        Command::Discover { mut input, schema, config } => {
            let settings = load(&config)?;
            written(&mut input, None);
            blocking(move || {
                let mut out = BufWriter::new(io::stdout());
                discover::discover(&settings, &input, &schema, &mut out, &mut io::stderr())?;
                out.flush()?;
                Ok(true)
            })
            .await
        }
        Command::Sources { config, json, check } => {
            let settings = load(&config.files)?;
            blocking(move || {
                let report = sources::ask(stream::kafka(&settings.kafka)?.as_ref(), &settings, wall::now())?;
                let mut out = BufWriter::new(io::stdout());
                if json {
                    writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
                } else {
                    report.print(&mut out)?;
                }
                out.flush()?;
                Ok(!check || report.gaps.is_empty())
            })
            .await
        }
        Command::Explain { alert_id, alerts } => {
            blocking(move || explain::run(&alert_id, &alerts, &mut io::stdout()).map(|()| true)).await
        }
        Command::Alert { command: AlertCommand::Verdict(arguments) } => blocking(move || judge(arguments)).await,
        Command::Incidents { command: IncidentsCommand::Show { incident, url, token_file, json } } => {
            let token = token_of(token_file)?;
            incidents::show(incidents::Request { url, token, incident, json }, &mut out).await.map(|()| true)
        }
        Command::Incidents { command: IncidentsCommand::Work(work) } => {
            let (place, ask) = work.ask();
            let token = token_of(place.token_file)?;
            incident_work::send(&place.url, token.as_deref(), &ask, &mut out).await.map(|()| true)
        }
        Command::Route { command: RouteCommand::Explain(arguments) } => {
            let settings = load(&arguments.config.files)?;
            route_explain::explain(&settings, wall::now(), &arguments, &mut out)?;
            Ok(true)
        }
        Command::Drafts { command } => {
            let running = command.running();
            let place = drafts::Place { url: running.url.clone(), token: token_of(running.token_file.clone())? };
            drafts::run(&place, command, &mut out).await.map(|()| true)
        }
        Command::Register { command: RegisterCommand::Export { config, format, from, to, dismissed } } => {
            let settings = load(&config.files)?;
            blocking(move || {
                let mut out = BufWriter::new(io::stdout());
                let topics = Topics::new(settings.topics.clone());
                let request = register::Request { format, from, to, dismissed };
                let broker = stream::kafka(&settings.kafka)?;
                register::export(broker.as_ref(), &topics, settings.policy(), &request, &mut out)?;
                out.flush()?;
                Ok(true)
            })
            .await
        }
        Command::Outbox { config, channel, json, check } => {
            let settings = load(&config.files)?;
            blocking(move || {
                let request = outbox::Request { channel, json };
                let broker = stream::kafka(&settings.kafka)?;
                let well = outbox::run(broker.as_ref(), &settings, &request, wall::now(), &mut io::stdout())?;
                Ok(well || !check)
            })
            .await
        }
        Command::Silence { command } => {
            let settings = load(&command.config().files)?;
            blocking(move || {
                let broker = stream::kafka(&settings.kafka)?;
                silences::run(broker.as_ref(), &settings, wall::now(), command, &mut io::stdout()).map(|()| true)
            })
            .await
        }
        Command::Channels { command: ChannelsCommand::Test { config, name } } => {
            test_channels(&load(&config.files)?, name.as_deref()).await
        }
        Command::Contacts { command } => blocking(move || contacts_command(command)).await,
        Command::DeadLetter { command } => blocking(move || dead_letters(command)).await,
        Command::Drill { command: DrillCommand::Run { url, token_file, wait_seconds } } => {
            let token = token_of(token_file)?;
            drill::client::run(drill::client::Request { url, token, wait: Duration::from_secs(wait_seconds) }, &mut out)
                .await
        }
        Command::Integrations { command: IntegrationsCommand::Test { config, name } } => {
            probes::test(&load(&config.files)?, name.as_deref(), &mut out).await
        }
        Command::Integrations { command: IntegrationsCommand::List { config, check } } => {
            let settings = load(&config.files)?;
            blocking(move || {
                let journal = asked::Journal::read(stream::kafka(&settings.kafka)?.as_ref(), &settings)?;
                Ok(probes::list(&settings, &journal.casebook, &mut io::stdout())? || !check)
            })
            .await
        }
        Command::Audit { command } => blocking(move || audit_command(command)).await,
    }
}

/// What the file holds, without the line break behind it.
fn token_of(file: Option<PathBuf>) -> anyhow::Result<Option<String>> {
    let read =
        |file: PathBuf| std::fs::read_to_string(&file).with_context(|| format!("`{}` cannot be read", file.display()));
    Ok(file.map(read).transpose()?.map(|token| token.trim().to_owned()))
}

async fn blocking(work: impl FnOnce() -> anyhow::Result<bool> + Send + 'static) -> anyhow::Result<bool> {
    tokio::task::spawn_blocking(work).await?
}

fn audit_command(command: AuditCommand) -> anyhow::Result<bool> {
    let mut out = BufWriter::new(io::stdout());
    match command {
        AuditCommand::Verify { file: Some(file), keys, checkpoints, .. } => {
            audit::verify_file(&file, &audit::Trust { keys, checkpoints }, &mut out)?;
        }
        AuditCommand::Verify { file: None, config, mut keys, checkpoints } => {
            let settings = load(&config)?;
            keys.extend(settings.journal_keys.public.iter().cloned());
            audit::verify_topic(
                stream::kafka(&settings.kafka)?.as_ref(),
                &Topics::new(settings.topics.clone()),
                &audit::Trust { keys, checkpoints },
                &mut out,
            )?;
        }
        AuditCommand::Keygen { name, out: file } => audit::keygen(&name, &file, &mut out)?,
        AuditCommand::Key { file } => audit::show_key(&file, &mut out)?,
        AuditCommand::Erase { config, id, kind, by, reason } => {
            let settings = load(&config.files)?;
            let request = erase::Request { kind, id, by, reason };
            erase::run(stream::kafka(&settings.kafka)?.as_ref(), &settings, request, &mut out)?;
        }
        AuditCommand::Export { config, out: folder } => {
            let settings = load(&config.files)?;
            let (broker, topics) = (stream::kafka(&settings.kafka)?, Topics::new(settings.topics.clone()));
            match folder {
                None => audit::export(broker.as_ref(), &topics, &mut out)?,
                Some(folder) => {
                    audit::export_to(broker.as_ref(), &topics, &settings.journal_keys, &folder, &mut out)?;
                }
            }
        }
    }
    out.flush()?;
    Ok(true)
}

fn contacts_command(command: ContactsCommand) -> anyhow::Result<bool> {
    let mut out = BufWriter::new(io::stdout());
    let out = &mut out;
    let broker = |settings: &Settings| stream::kafka(&settings.kafka);
    let well = match command {
        ContactsCommand::List { config, check } => {
            let settings = load(&config.files)?;
            let well = contacts::list(broker(&settings)?.as_ref(), &settings, wall::now(), out)?;
            well || !check
        }
        ContactsCommand::Test { config, name, channel, by } => {
            let settings = load(&config.files)?;
            contacts::test(broker(&settings)?.as_ref(), &settings, (name, channel), by, out).map(|()| true)?
        }
        ContactsCommand::Confirm { config, name, code, by } => {
            let settings = load(&config.files)?;
            let by = by.unwrap_or_else(|| name.clone());
            contacts::confirm(broker(&settings)?.as_ref(), &settings, (name, &code), by, out).map(|()| true)?
        }
        ContactsCommand::Attest { config, name, by, reason } => {
            let settings = load(&config.files)?;
            contacts::attest(broker(&settings)?.as_ref(), &settings, (name, reason), by, out).map(|()| true)?
        }
    };
    out.flush()?;
    Ok(well)
}

fn dead_letters(command: DeadLetterCommand) -> anyhow::Result<bool> {
    let mut out = BufWriter::new(io::stdout());
    match command {
        DeadLetterCommand::List { config, letters, limit } => {
            let settings = load(&config.files)?;
            let broker = stream::kafka(&settings.kafka)?;
            dead_letter::list(broker.as_ref(), &settings, &letters.at(wall::now()), limit, &mut out)?;
        }
        DeadLetterCommand::Show { config, which, raw } => {
            let settings = load(&config.files)?;
            dead_letter::show(stream::kafka(&settings.kafka)?.as_ref(), &settings, &which, raw, &mut out)?;
        }
        DeadLetterCommand::Resubmit { config, letters, limit, dry_run } => {
            let settings = load(&config.files)?;
            let broker = stream::kafka(&settings.kafka)?;
            let filter = letters.at(wall::now());
            dead_letter::resubmit(broker.as_ref(), &settings, &filter, limit, dry_run)?.print(dry_run, &mut out)?;
        }
    }
    out.flush()?;
    Ok(true)
}

/// Says of each input when it was written.
fn written(inputs: &mut [InputFile], stated: Option<activity::Timestamp>) {
    let now = wall::now();
    inputs.iter_mut().for_each(|input| input.written = replay::written(&input.path, stated, now));
}

fn replay_files(settings: &Settings, arguments: &ReplayArgs) -> anyhow::Result<bool> {
    let ReplayArgs { input, alerts, incidents, verdicts, digest, digest_lines, partitions, .. } = arguments;
    let create = |path: &PathBuf| {
        File::create(path).with_context(|| format!("`{}` cannot be written", path.display())).map(BufWriter::new)
    };
    let verdicts = verdicts.as_deref().map(verdicts::read).transpose()?.unwrap_or_default();
    let mut alerts = alerts.as_ref().map(create).transpose()?;
    let mut incidents_out = incidents.as_ref().map(create).transpose()?;
    let mut digest_out = digest.as_ref().map(create).transpose()?;
    let mut digest = incident::Digest::new(usize::from(*digest_lines));
    let mut casebook = incident::Casebook::new(settings.policy());
    let mut trouble: io::Result<()> = Ok(());
    let bar = progress(input);
    let from = wall::now();
    let summary = replay::replay(
        replay::Request { settings, inputs: input, partitions: *partitions, verdicts: &verdicts },
        &mut |alert| {
            if let (Some(out), Ok(())) = (&mut alerts, &trouble) {
                trouble = writeln!(out, "{}", alert.to_json());
            }
            if digest_out.is_some() {
                digest.add(&alert);
            }
            if incidents_out.is_some() {
                // In a replay people's time is the alert's: what would have been decided, had it been raised then.
                let decisions = casebook.alert(alert.raised_at, &alert);
                decisions.iter().for_each(|decision| casebook.apply(decision));
            }
        },
        &mut |bytes| bar.set_position(bytes),
    );
    bar.finish_and_clear();
    let summary = summary?;
    trouble?;
    if let Some(mut out) = alerts {
        out.flush()?;
    }
    if let Some(out) = &mut digest_out {
        out.write_all(digest.to_markdown().as_bytes())?;
        out.flush()?;
    }
    if let Some(out) = &mut incidents_out {
        for incident in casebook.incidents() {
            writeln!(out, "{}", serde_json::to_string(incident)?)?;
        }
        out.flush()?;
    }
    summary.print(wall::now() - from, &mut io::stdout())?;
    Ok(true)
}

/// The same logs under two configurations.
fn compare(before: &Settings, after: &Settings, arguments: &ReplayArgs) -> anyhow::Result<bool> {
    if arguments.input.iter().any(|input| input.path == Path::new("-")) {
        return Err(Usage("standard input can be read only once: with --against, name files".into()).into());
    }
    let verdicts = arguments.verdicts.as_deref().map(verdicts::read).transpose()?.unwrap_or_default();
    let run = |settings: &Settings| {
        let mut side = replay::Side::default();
        let bar = progress(&arguments.input);
        let (inputs, partitions) = (&arguments.input, arguments.partitions);
        let request = replay::Request { settings, inputs, partitions, verdicts: &verdicts };
        let summary = replay::replay(request, &mut |alert| side.alert(&alert), &mut |bytes| bar.set_position(bytes));
        bar.finish_and_clear();
        let (first, last) = summary?.reach();
        side.reaches(first, last);
        anyhow::Ok(side)
    };
    let named = |files: &[PathBuf]| files.iter().map(|file| file.display().to_string()).collect();
    let (before, after) = (run(before)?, run(after)?);
    let compared =
        replay::Comparison::of((&before, named(&arguments.config.files)), (&after, named(&arguments.against)));
    let mut out = BufWriter::new(io::stdout());
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&compared)?)?;
    } else {
        compared.print(&mut out)?;
    }
    out.flush()?;
    Ok(true)
}

/// A verdict about an alert: printed for a replay, or sent to whoever runs.
fn judge(arguments: VerdictArgs) -> anyhow::Result<bool> {
    let ruling = match (arguments.expected, arguments.breach) {
        (true, _) => detector::Ruling::Expected,
        (_, true) => detector::Ruling::True,
        _ => detector::Ruling::BenignOnce,
    };
    let verdict = detector::AlertVerdict {
        at: arguments.at.unwrap_or_else(wall::now),
        alert: arguments.alert_id,
        ruling,
        by: arguments.by,
        reason: arguments.reason,
        exception: verdicts::exception(arguments.except_until, arguments.subject, arguments.detector),
    };
    verdict.check().map_err(|error| Usage(error.to_string()))?;
    if arguments.print {
        writeln!(io::stdout(), "{}", verdict.to_json())?;
        return Ok(true);
    }
    let settings = load(&arguments.config)?;
    let topics = Topics::new(settings.topics.clone());
    verdicts::send(stream::kafka(&settings.kafka)?.as_ref(), &topics, &settings.instance, &verdict)?;
    writeln!(io::stdout(), "sent to {}: alert {} was `{}`", topics.commands(), verdict.alert, ruling.as_str())?;
    Ok(true)
}

/// Counts bytes of text; of compressed files and standard input nobody knows how many there will be.
fn progress(inputs: &[InputFile]) -> indicatif::ProgressBar {
    if !io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let plain = |input: &InputFile| {
        let compressed = input.path.extension().is_some_and(|ending| ending == "gz" || ending == "zst");
        if compressed {
            None
        } else {
            std::fs::metadata(&input.path).ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len())
        }
    };
    let style = |template: &str| indicatif::ProgressStyle::with_template(template).expect("a template of ours");
    match inputs.iter().map(plain).sum::<Option<u64>>() {
        Some(total) => {
            indicatif::ProgressBar::new(total).with_style(style("{wide_bar} {bytes} of {total_bytes}, {eta} left"))
        }
        None => indicatif::ProgressBar::new_spinner().with_style(style("{spinner} {bytes} read, {bytes_per_sec}")),
    }
}

async fn test_channels(settings: &Settings, name: Option<&str>) -> anyhow::Result<bool> {
    let mut out = io::stdout();
    let (sender, _reports) = tokio::sync::mpsc::channel(16);
    let dispatcher =
        notifier::Dispatcher::start(&settings.notifier(), sender, std::sync::Arc::new(notifier::NoObserver))?;
    let names: Vec<String> = match name {
        Some(name) => vec![name.to_owned()],
        None => dispatcher.channels().map(str::to_owned).collect(),
    };
    let mut well = true;
    for name in names {
        match dispatcher.probe(&name).await {
            Ok(answer) => writeln!(out, "{name}: {}", activity::printable(&answer))?,
            Err(error) => {
                well = false;
                writeln!(out, "{name}: FAILED: {}", activity::printable(&error.to_string()))?;
            }
        }
    }
    Ok(well)
}

/// The settings, or every mistake on standard error and exit code 2.
fn load(files: &[PathBuf]) -> anyhow::Result<Settings> {
    Settings::load(files, &settings::load::environment()).map_err(|mistakes| Mistakes(mistakes).into())
}

/// A configuration's mistakes: the user's to mend.
#[derive(Debug)]
struct Mistakes(Vec<Mistake>);

impl std::fmt::Display for Mistakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for mistake in &self.0 {
            writeln!(f, "{mistake}")?;
        }
        let n = self.0.len();
        write!(f, "{n} mistake{} in the configuration", if n == 1 { "" } else { "s" })
    }
}

impl std::error::Error for Mistakes {}

fn fail(error: &anyhow::Error) -> ExitCode {
    let mut err = io::stderr();
    if let Some(mistakes) = error.downcast_ref::<Mistakes>() {
        let _ = writeln!(err, "{mistakes}");
        return ExitCode::from(USAGE);
    }
    if let Some(usage) = error.downcast_ref::<Usage>() {
        let _ = writeln!(err, "breachd: {usage}");
        return ExitCode::from(USAGE);
    }
    // Piped into `head`, say: whoever reads has read enough.
    let gone = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(gone) {
        return ExitCode::SUCCESS;
    }
    let _ = writeln!(err, "breachd: {error:#}");
    ExitCode::from(FAILED)
}

fn log(cli: &Cli) {
    let quiet = matches!(cli.command, Command::Demo { .. }) && cli.log_level == "info";
    let level = if quiet { "error" } else { &cli.log_level };
    let filter =
        tracing_subscriber::EnvFilter::try_new(level).unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let format = cli.log_format.unwrap_or(if io::stderr().is_terminal() { LogFormat::Human } else { LogFormat::Json });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Human => builder.with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
