"""The CodeDeploy agent's own feature tests of codedeploy-local (case 98 of tests/conformance.md), and what is said on the way.

A revision has six files and one script, which each of the nine hooks runs; it notes the event and whose script it is.
"""
import os
import re
import subprocess
import zipfile

import pytest
from conftest import CHECKOUT, leftovers

BEFORE = ["BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop"]
AFTER = ["BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService", "BeforeAllowTraffic", "AfterAllowTraffic"]
FILES = ["index.html", "css/site.css", "img/logo.svg", "conf/app.conf", "conf/extra/more.conf", "bin/app"]


class Host:
    """Revisions, what their hooks have noted, and codedeploy-local."""

    def __init__(self, agent, target, top):
        self.agent, self.target, self.top, self.noted = agent, target, top, top / "noted"

    def revision(self, name, events=(*BEFORE, *AFTER), appspec="appspec.yml", extra=""):
        folder = self.top / name
        for file in FILES:
            path = folder / "content" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{file} of {name}\n")
        (folder / "content/bin/app").chmod(0o755)
        script = folder / "scripts/note.sh"
        script.parent.mkdir()
        script.write_text(f'#!/bin/sh\necho "$LIFECYCLE_EVENT {name}" >>{self.noted}\n')
        script.chmod(0o755)
        hooks = "".join(f"  {event}:\n    - location: scripts/note.sh\n" for event in events)
        (folder / appspec).write_text(f"version: 0.0\nos: linux\n{extra}files:\n  - source: content\n"
                                      f"    destination: {self.target.path}\nhooks:\n{hooks}")
        return folder

    def run(self, *words, **rest):
        return self.agent.codedeploy_local(*words, **rest)

    def deploy(self, folder, *words, **rest):
        """It must go well; the events that it ran, as they were noted."""
        self.noted.write_text("")
        done = self.run("-l", folder, *words, **rest)
        assert done.code == 0, done.out + done.err
        assert done.out.endswith("AppSpec file valid. Local deployment successful\n")
        assert leftovers(self.top) == []
        return self.noted.read_text().splitlines()

    def refuse(self, *words, **rest):
        """It must fail; its last words on stdout."""
        done = self.run(*words, **rest)
        assert done.code == 1, done.out + done.err
        return done.out.splitlines()[-1]

    def folder(self, group="default-local-deployment-group"):
        """Of the only deployment of GROUP."""
        found, = (self.agent.deployment_root / group).iterdir()
        return found

    def holds(self, name):
        """Are the six files of revision NAME there, and nothing else?"""
        tree = {file: entry for file, entry in self.target.tree().items() if entry[0] == "file"}
        assert tree["bin/app"][1] == 0o755
        return {file: entry[2].decode() for file, entry in tree.items()} == {file: f"{file} of {name}\n" for file in FILES}


@pytest.fixture
def host(agent, target, tmp_path):
    return Host(agent, target, tmp_path)


# Each kind of bundle: (words of the command line, working directory) for a folder.

def directory(folder):
    return ["-l", folder], "/"


def relative_directory(folder):
    return ["--bundle-location", folder.name, "--type=directory"], folder.parent


def working_directory(folder):
    return [], folder


def file_url(folder):
    return [f"--bundle-location=file://{folder}"], "/"


def zip_of(folder, below):
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as out:
        for path in sorted(folder.rglob("*")):
            out.write(path, path.relative_to(below))
    return ["-l", archive, "-t", "zip"], "/"


def zipped(folder):
    return zip_of(folder, folder)


def zipped_directory(folder):
    return zip_of(folder, folder.parent)


def tar_of(folder, suffix, *options):
    archive = folder.with_suffix(suffix)
    subprocess.run(["tar", "-C", folder, *options, "-cf", archive, "."], check=True)
    return ["-l", archive, "-t", suffix[1:]], "/"


def tgz(folder):
    return tar_of(folder, ".tgz", "-z")


def tar(folder):
    return tar_of(folder, ".tar")


@pytest.mark.parametrize("kind", [directory, relative_directory, working_directory, file_url, zipped, zipped_directory, tgz, tar],
                         ids=lambda kind: kind.__name__)
def test_six_files_and_the_events_of_a_first_and_a_second_deployment(host, kind):
    for name, events in [("one", [f"{event} one" for event in AFTER]),
                         ("two", [f"{event} one" for event in BEFORE] + [f"{event} two" for event in AFTER])]:
        words, cwd = kind(host.revision(name))
        host.noted.write_text("")
        done = host.run(*words, cwd=cwd)
        assert (done.code, host.noted.read_text().splitlines()) == (0, events), done.out + done.err
        assert host.holds(name)


# Events

def test_a_custom_event_runs_when_it_is_asked_for(host):
    folder = host.revision("one", events=["ApplicationStart", "WarmUp"])
    assert host.deploy(folder, "--events", "DownloadBundle,Install,WarmUp") == ["WarmUp one"]
    assert host.holds("one")


def test_events_and_hooks_that_do_not_know_each_other_are_refused(host):
    folder = host.revision("one", events=["ApplicationStart", "WarmUp", "CoolDown"])
    assert host.refuse("-l", folder) == 'ERROR: appspec.yml file contains unknown lifecycle events: ["WarmUp", "CoolDown"]'
    assert host.refuse("-l", folder, "-e", "WarmUp,CoolDown,Never,Ever") == (
        "ERROR: You specified a lifecycle event which is not a default one and doesn't exist in your appspec.yml file: Never,Ever")
    assert not host.noted.exists() and host.target.tree() == {}


@pytest.mark.parametrize("asked, first, second", [
    ("DownloadBundle,Install", [], []),
    ("ApplicationStart,ValidateService", ["ApplicationStart one", "ValidateService one"],
     ["ApplicationStart two", "ValidateService two"]),
    ("ApplicationStop,DownloadBundle,BeforeInstall,Install", ["BeforeInstall one"], ["ApplicationStop one", "BeforeInstall two"]),
    ("DownloadBundle,Install,ApplicationStop", ["ApplicationStop one"], ["ApplicationStop two"]),
])
def test_a_subset_of_the_events_runs_alone(host, asked, first, second):
    assert host.deploy(host.revision("one"), "--events", asked) == first
    assert host.deploy(host.revision("two"), f"--events={asked}") == second
    assert host.holds("two")


def test_an_order_of_events_that_cannot_be_is_refused(host):
    folder = host.revision("one")
    assert host.refuse("-l", folder, "-e", "ApplicationStart,DownloadBundle") == (
        "ERROR: The only events that can be specified before DownloadBundle are BeforeBlockTraffic,AfterBlockTraffic,"
        "ApplicationStop. Please fix the order of your specified events: ApplicationStart,DownloadBundle")
    assert host.refuse("-l", folder, "-e", "DownloadBundle,AfterInstall,Install") == (
        "ERROR: The only events that can be specified before Install are BeforeBlockTraffic,AfterBlockTraffic,ApplicationStop,"
        "DownloadBundle,BeforeInstall. Please fix the order of your specified events: DownloadBundle,AfterInstall,Install")


# Files that are there already

EXISTS = "ERROR: The deployment failed because a specified file already exists at this location: {}"
INVALID = ("ERROR: The deployment failed because an invalid option was specified for fileExistsBehavior: {}. "
           "Valid options include OVERWRITE, RETAIN, and DISALLOW.")


@pytest.mark.parametrize("words, appspec, after", [
    ([], None, EXISTS),
    (["-b", "DISALLOW"], None, EXISTS),
    (["-b", ""], None, EXISTS),
    (["-b", "OVERWRITE"], None, "new"),
    (["--file-exists-behavior=retain"], None, "old"),
    (["--file-exists-behavior", "Overwrite"], None, "new"),
    ([], "DISALLOW", EXISTS),
    ([], "OVERWRITE", "new"),
    ([], "RETAIN", "old"),
    (["-b", "OVERWRITE"], "DISALLOW", EXISTS),
    (["-b", "DISALLOW"], "OVERWRITE", "new"),
    (["-b", "OVERWRITE"], "RETAIN", "old"),
    (["-b", "whatever"], None, INVALID.format("WHATEVER")),
    (["-b", "whatever"], "RETAIN", "old"),
])
def test_an_existing_file_is_treated_as_the_command_line_or_the_appspec_says(host, words, appspec, after):
    path = host.target.write("conf/app.conf", "old\n")
    folder = host.revision("one", extra=f"file_exists_behavior: {appspec}\n" if appspec else "")
    if after in ("old", "new"):
        host.deploy(folder, *words)
        assert path.read_text() == {"old": "old\n", "new": "conf/app.conf of one\n"}[after]
        assert host.target.read("index.html") == "index.html of one\n"
    else:
        assert host.refuse("-l", folder, *words) == after.format(path)
        assert (path.read_text(), os.listdir(host.target.path)) == ("old\n", ["conf"])


def test_a_behavior_that_is_none_is_not_replaced_by_that_of_the_host(host):
    host.agent.configure("file_exists_behavior: OVERWRITE\n")
    path = host.target.write("conf/app.conf", "old\n")
    assert host.refuse("-l", host.revision("one"), "-b", "whatever") == INVALID.format("WHATEVER")
    assert path.read_text() == "old\n"


def test_a_behavior_that_is_none_matters_only_when_a_file_is_in_the_way(host):
    host.deploy(host.revision("one"), "-b", "whatever")
    assert host.holds("one")


# The appspec's name

@pytest.mark.parametrize("name, words", [
    ("appspec.yml", []), ("appspec.yaml", []), ("deploy.yml", ["-A", "deploy.yml"]),
    ("deploy.yml", ["--appspec-filename=deploy.yml"]), ("appspec.yaml", ["--appspec-filename", "appspec.yaml"]),
])
def test_the_appspec_may_have_a_name_of_its_own(host, name, words):
    assert host.deploy(host.revision("one", appspec=name), *words) == [f"{event} one" for event in AFTER]
    assert host.holds("one")


def test_a_missing_appspec_is_refused_with_its_name(host):
    folder = host.revision("one", appspec="other.yml")
    assert host.refuse("-l", folder) == (
        f"ERROR: Expecting appspec file at location {folder}/appspec.yml or {folder}/appspec.yaml but it is not found there. "
        "Please either run the CLI from within a directory containing the appspec.yml or appspec.yaml file or specify a bundle "
        "location containing an appspec.yml or appspec.yaml file in its root directory")
    assert host.refuse("-l", folder, "-A", "mine.yml") == (
        f"ERROR: Expecting appspec file at location {folder}/mine.yml but it is not found there. Please either run the CLI from "
        "within a directory containing the mine.yml file or specify a bundle location containing an mine.yml file in its root "
        "directory")
    words, _ = tgz(folder)
    assert ('(The CodeDeploy agent did not find an AppSpec file within the unpacked revision directory at revision-relative path '
            '"appspec.yml". The revision was unpacked to directory "') in host.refuse(*words)


@pytest.mark.parametrize("asked, there, found", [
    ([], ["appspec.yml", "appspec.yaml"], "appspec.yml"),
    (["-A", "mine.yml"], ["appspec.yml", "appspec.yaml"], "appspec.yaml"),
    (["-A", "mine.yml"], ["appspec.yml"], "appspec.yml"),
    (["-A", "mine.yml"], ["mine.yml", "appspec.yaml", "appspec.yml"], "mine.yml"),
    (["-A", "deploy/mine.yml"], ["deploy/mine.yml", "appspec.yml"], "deploy/mine.yml"),
])
def test_an_appspec_that_is_not_there_is_looked_for_by_its_other_names(host, asked, there, found):
    folder = host.revision("one", events=[])
    text = (folder / "appspec.yml").read_text()
    (folder / "appspec.yml").unlink()
    for name in there:
        event = AFTER[there.index(name)]
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"{text}  {event}:\n    - location: scripts/note.sh\n")
    words, _ = tgz(folder)
    host.noted.write_text("")
    assert host.run(*words, *asked).code == 0
    assert host.noted.read_text() == f"{AFTER[there.index(found)]} one\n"


# What is said, and what is left

def test_the_deployment_root_holds_what_the_reference_leaves_there(host):
    folder = host.revision("one")
    host.deploy(folder, "--deployment-group", "web")
    root = host.agent.deployment_root
    assert sorted(os.listdir(root)) == ["deployment-instructions", "deployment-logs", "web"]
    assert os.listdir(root / "deployment-logs") == ["codedeploy-agent-deployments.log"]
    assert sorted(os.listdir(root / "deployment-instructions")) == [
        "web-cleanup", "web-install.json", "web_last_successful_install", "web_most_recent_install"]
    deployment = host.folder("web")
    assert re.fullmatch(r"d-[A-Z0-9]{9}-local", deployment.name)
    assert {"deployment-archive", "logs"} <= set(os.listdir(deployment))
    assert sorted(os.listdir(deployment / "deployment-archive")) == ["appspec.yml", "content", "scripts"]
    for name in ("last_successful", "most_recent"):
        assert (root / f"deployment-instructions/web_{name}_install").read_text().strip() == str(deployment)


def test_it_says_where_it_works_and_how_it_went(host):
    done = host.run("-l", host.revision("one"))
    folder = host.folder()
    assert done.out == (f"Starting to execute deployment from within folder {folder}\n"
                        f"See the deployment log at {folder}/logs/scripts.log for more details\n"
                        "AppSpec file valid. Local deployment successful\n")
    log = (folder / "logs/scripts.log").read_text()
    assert [line[20:] for line in log.splitlines()] == [
        text for event in AFTER for text in (f"LifecycleEvent - {event}", "Script - scripts/note.sh")]


def test_a_failed_script_is_named_and_what_was_installed_stays(host):
    folder = host.revision("one")
    (folder / "scripts/note.sh").write_text("#!/bin/sh\n[ $LIFECYCLE_EVENT != ApplicationStart ]\n")
    done = host.run("-l", folder)
    deployment = host.folder()
    assert (done.code, done.out.splitlines()[1:]) == (1, [
        f"See the deployment log at {deployment}/logs/scripts.log for more details",
        f"Your local deployment failed while trying to execute your script at {deployment}/deployment-archive/scripts/note.sh"])
    assert "Script at specified location: scripts/note.sh failed with exit code 1" in done.err
    assert host.holds("one")


def test_warnings_of_a_good_deployment_go_to_stderr(host):
    done = host.run("-l", host.revision("one", extra="overwrite: yes\n"))
    assert done.code == 0 and "overwrite" not in done.out and "warning: " in done.err and "'overwrite'" in done.err


@pytest.mark.parametrize("words, want", [
    ([], "{location} d-ID-local LocalFleet default-local-deployment-group"),
    (["-a", "shop", "-d", "Web", "-g", "web"], "shop d-ID-local Web web"),
    (["--application-name=shop", "--deployment-group-name=Web fleet", "--deployment-group=g-1"], "shop d-ID-local Web fleet g-1"),
])
def test_hooks_see_the_names_that_were_given(host, words, want):
    folder = host.revision("one", events=["AfterInstall"])
    (folder / "scripts/note.sh").write_text("#!/bin/sh\necho $APPLICATION_NAME $DEPLOYMENT_ID $DEPLOYMENT_GROUP_NAME "
                                            f"$DEPLOYMENT_GROUP_ID >{host.noted}\n")
    host.deploy(folder, *words)
    assert re.sub(r"d-[A-Z0-9]{9}-", "d-ID-", host.noted.read_text()) == want.format(location=folder) + "\n"


# codedeployagent.yml

def test_the_configuration_file_decides_where_and_how_much_is_kept(host, tmp_path):
    file, root = tmp_path / "codedeployagent.yml", tmp_path / "deployment-root"
    file.write_text(f"---\n:log_dir: '/nowhere/'\n:pid_dir: '/nowhere/'\n:program_name: my-agent\n:root_dir: '{root}/'\n"
                    ":verbose: true\n:wait_between_runs: 1\n:proxy_uri:\n:max_revisions: 2\n:unheard_of: 1\n")
    for name in ("one", "two", "three", "four"):
        done = host.run("-c", file, "-l", host.revision(name), "-g", "web")
        assert done.code == 0 and done.out.startswith(f"Starting to execute deployment from within folder {root}/web/d-")
        assert "unheard_of" not in done.err
    assert len(os.listdir(root / "web")) == 2
    assert os.listdir(root / "deployment-logs") == ["my-agent-deployments.log"]
    assert not host.agent.deployment_root.exists()
    file.write_text(f"root_dir: {root}\nenable_deployments_log: false\n")
    (root / "deployment-logs/my-agent-deployments.log").unlink()
    assert host.run("-c", file, "-l", host.revision("five"), "-g", "web").code == 0
    assert os.listdir(root / "deployment-logs") == []


def test_every_key_of_the_reference_is_documented_and_does_no_harm(host, tmp_path):
    values = {"root_dir": tmp_path / "deployment-root", "max_revisions": 5, "children": 7, "proxy_uri": "", "user": "nobody"}
    keys = """log_dir pid_dir root_dir program_name verbose wait_between_runs proxy_uri max_revisions log_aws_wire
        disable_imds_v1 on_premises_config_file enable_deployments_log ongoing_deployment_tracking
        kill_agent_max_wait_time_seconds http_read_timeout use_fips_mode deploy_control_endpoint s3_endpoint_override
        enable_auth_policy codedeploy_test_profile wait_after_throttle_error wait_after_connection_problem
        wait_between_spawning_children children max_runs_per_worker user group plugins use_mock_command_service shared_dir
        instance_service_region instance_service_endpoint instance_service_port wait_after_error""".split()
    page = (CHECKOUT / "docs/configuration.md").read_text(encoding="utf-8")
    assert [key for key in keys if f"`{key}`" not in page.partition("## The configuration file of the CodeDeploy agent")[2]] == []
    file = tmp_path / "codedeployagent.yml"
    file.write_text("".join(f":{key}: {values.get(key, 'true')}\n" for key in keys))
    done = host.run("-c", file, "-l", host.revision("one"))
    assert done.code == 0 and "warning" not in done.err and host.holds("one")


@pytest.mark.parametrize("text, message", [
    (None, "configuration file {} does not exist or is not readable"),
    ("", "An error occurred loading the CodeDeploy agent config file at {}. Error message: it is empty, not a map"),
    (":max_revisions: 0\n", "An error occurred loading the CodeDeploy agent config file at {}. "
                            "Error message: Invalid configuration :max_revision=0"),
])
def test_a_configuration_file_that_cannot_be_used_ends_it(host, tmp_path, text, message):
    file = tmp_path / "codedeployagent.yml"
    if text is not None:
        file.write_text(text)
    done = host.run("-l", host.revision("one"), "--agent-configuration-file", file)
    assert (done.code, done.out) == (1, f"ERROR: {message.format(file)}\n")
    assert not host.agent.deployment_root.exists()
