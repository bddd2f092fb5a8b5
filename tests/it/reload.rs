//! Files of networks and people are taken up when they change, and kept when they become unreadable.

use crate::harness::{Daemon, Scratch, broker, free_port, get, kafka_address, topic, unique, until};

#[test]
fn a_changed_file_is_taken_up_and_a_broken_one_is_not() {
    let scratch = Scratch::new("reload");
    let prefix = unique("reload");
    let raw = format!("{prefix}-web");
    broker().create_topics(&[topic(&raw, 1)]).unwrap();
    let console = format!("127.0.0.1:{}", free_port());
    let networks = scratch.write("geo.csv", "network,country,kind\n203.0.113.0/24,GB,home\n");
    let people = "user,role,department,employee_id,from,to,zone\nu1,payroll,d1,1,,,UTC\n";
    scratch.write("directory.csv", people);
    let config = scratch.write(
        "breachd.toml",
        format!(
            "instance = \"one\"\n[kafka]\nbootstrap_servers = \"{}\"\n[topics]\nprefix = \"{prefix}\"\n\
             [geo]\nfile = \"geo.csv\"\n[directory]\nfile = \"directory.csv\"\n[console]\nlisten = \"{console}\"\n\
             [[sources]]\nname = \"web\"\nformat = \"nginx_json\"\ntopic = \"{raw}\"\n",
            kafka_address(),
        ),
    );
    let mut daemon = Daemon::run(&config, &["--roles", "ingest,detector"], scratch.0.join("daemon.log"));
    until("it is ready", || get(&console, "/readyz").filter(|(status, _)| *status == 200));
    let successful = |wanted: char| {
        let (_, text) = get(&console, "/metrics")?;
        text.lines().any(|line| line == format!("breachd_last_reload_successful {wanted}")).then_some(())
    };
    let log = scratch.0.join("daemon.log");
    let said = |what: &str| std::fs::read_to_string(&log).unwrap().matches(what).count();
    std::fs::write(&networks, "network,country,kind\n203.0.113.0/24,GB,houseboat\n").unwrap();
    until("a broken file is refused", || successful('0'));
    assert_eq!((said("changed, and taken up"), said("changed, but not taken up")), (0, 1));
    std::fs::write(&networks, "network,country,kind\n203.0.113.0/24,NL,hosting\n").unwrap();
    until("a mended file is taken up", || successful('1'));
    scratch.write("directory.csv", format!("{people}u2,ess,d1,2,,,UTC\n"));
    until("new people are taken up", || (said("changed, and taken up") == 2).then_some(()));
    assert_eq!(said("changed, but not taken up"), 1, "said once");
    assert_eq!(daemon.terminate(), Some(0));
}
