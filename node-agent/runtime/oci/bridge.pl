#!/usr/bin/perl
# Carries bytes where Node cannot reach: sockets of the SEQPACKET sort, real pipes for a command's streams, terminals.
# Standard input, output and error are the client's; on descriptor 3 come lines "<rows> <columns>" for a terminal's size.
#
#   bridge.pl attach FOLDER              joins the streams of the container whose conmon listens in FOLDER
#   bridge.pl connect PORT               connects to a port on the loopback of this network namespace; first writes one newline when it stands
#   bridge.pl run SCORE COMMAND...       runs a command on pipes, with this oom score adjustment, and ends as it ends
#   bridge.pl terminal SCORE COMMAND...  runs a command on a terminal
use strict;
use warnings;
use Socket;
use Fcntl;
use Errno qw(EAGAIN EINTR);

# Numbers of Linux's terminal interface, the same on x86 and ARM.
my ($tcgets, $tcsets, $unlock, $get_number, $set_size) = (0x5401, 0x5402, 0x40045431, 0x80045430, 0x5414);
# conmon takes no more in one packet.
my $chunk = 8192;
$SIG{PIPE} = 'IGNORE';
my $mode = shift @ARGV // '';
my %modes = (attach => \&attach, connect => \&reach, run => \&run, terminal => \&terminal);
($modes{$mode} or die "unknown mode\n")->(@ARGV);

# A flow reads from one handle and writes to another, at most one chunk ahead. `choose` may pick the target by the bytes;
# `at_end` is called when the source has ended and all is written.
sub flow {
    my ($from, $to, %more) = @_;
    blocking($_, 0) for grep { defined } $from, $to;
    return { from => $from, to => $to, pending => '', ended => 0, %more };
}

# Carries all flows at once until one that is marked `last` has ended, or the command has.
sub pump {
    my ($command, @flows) = @_;
    for (;;) {
        my ($reads, $writes) = ('', '');
        my $ending = $command && $command->{ending};
        vec($reads, fileno $command->{told}, 1) = 1 if $command && !$ending;
        for my $flow (grep { !$_->{ended} } @flows) {
            if ($flow->{pending} ne '') { vec($writes, fileno $flow->{to}, 1) = 1 }
            else { vec($reads, fileno $flow->{from}, 1) = 1 }
        }
        my $count = select $reads, $writes, undef, $ending ? 0.01 : undef;
        next if $count < 0;
        for my $flow (grep { !$_->{ended} } @flows) {
            if ($flow->{pending} ne '') {
                step_write($flow) if vec $writes, fileno $flow->{to}, 1;
            }
            elsif (vec $reads, fileno $flow->{from}, 1) {
                step_read($flow);
            }
            return if $flow->{ended} && $flow->{last};
        }
        next unless $command;
        $command->{ending} ||= vec $reads, fileno $command->{told}, 1;
        return if $command->{ending} && has_ended($command);
    }
}

sub step_read {
    my ($flow) = @_;
    my $count = sysread $flow->{from}, my $bytes, $chunk + 1;
    return if !defined $count && ($!{EAGAIN} || $!{EINTR});
    if (!$count) {
        $flow->{ended} = 1;
        $flow->{at_end}->() if $flow->{at_end};
        return;
    }
    ($flow->{to}, $bytes) = $flow->{choose}->($bytes) if $flow->{choose};
    $flow->{pending} = $bytes;
    step_write($flow);
}

# What nobody reads any more is dropped, so that its writer is not held up.
sub step_write {
    my ($flow) = @_;
    while ($flow->{pending} ne '') {
        my $count = syswrite $flow->{to}, $flow->{pending}, $flow->{limit} // $chunk;
        if (defined $count) { substr $flow->{pending}, 0, $count, '' }
        elsif ($!{EAGAIN}) { return }
        elsif (!$!{EINTR}) { $flow->{pending} = '' }
    }
}

# The source's writer has ended: carries what still lies in between, however long its reader takes. A child left behind may hold it open for ever.
sub drain {
    my ($flow) = @_;
    for (;;) {
        while ($flow->{pending} ne '') {
            my $writes = '';
            vec($writes, fileno $flow->{to}, 1) = 1;
            select undef, $writes, undef, undef;
            step_write($flow);
        }
        return if $flow->{ended};
        my $reads = '';
        vec($reads, fileno $flow->{from}, 1) = 1;
        return unless select($reads, undef, undef, 0) > 0;
        step_read($flow);
    }
}

sub blocking {
    my ($handle, $wanted) = @_;
    my $flags = fcntl $handle, F_GETFL, 0;
    fcntl $handle, F_SETFL, $wanted ? $flags & ~O_NONBLOCK : $flags | O_NONBLOCK;
}

sub attach {
    my ($folder) = @_;
    chdir $folder or die "cannot enter $folder: $!\n";
    socket my $socket, AF_UNIX, SOCK_SEQPACKET, 0 or die "cannot make a socket: $!\n";
    connect $socket, pack_sockaddr_un('attach') or die "cannot attach: $!\n";
    blocking(\*STDERR, 0);
    # A packet begins with a byte that names its stream: 2 is standard output, 3 standard error.
    my $sort = sub { (ord $_[0] == 3 ? \*STDERR : \*STDOUT, substr $_[0], 1) };
    pump(undef,
        flow($socket, \*STDOUT, choose => $sort, last => 1),
        flow(\*STDIN, $socket, at_end => sub { shutdown $socket, 1 }));
    exit 0;
}

sub reach {
    my ($port) = @_;
    my ($socket, @why);
    my @tries = (
        [4, AF_INET, pack_sockaddr_in($port, INADDR_LOOPBACK)],
        [6, AF_INET6, pack_sockaddr_in6($port, Socket::IN6ADDR_LOOPBACK)]);
    for my $try (@tries) {
        my ($version, $family, $address) = @$try;
        last if socket($socket, $family, SOCK_STREAM, 0) && connect $socket, $address;
        push @why, "IPv$version: dial tcp$version: connect: " . lcfirst $!;
        undef $socket;
    }
    die join(' ', @why) . "\n" unless $socket;
    syswrite STDOUT, "\n";
    pump(undef,
        flow($socket, \*STDOUT, last => 1),
        flow(\*STDIN, $socket, at_end => sub { shutdown $socket, 1 }));
    exit 0;
}

sub has_ended {
    my ($command) = @_;
    my $no_wait = 1;
    return 1 if defined $command->{status};
    return 0 unless waitpid($command->{pid}, $no_wait) == $command->{pid};
    $command->{status} = $?;
    return 1;
}

sub finish {
    my ($command) = @_;
    if (!defined $command->{status}) {
        waitpid $command->{pid}, 0;
        $command->{status} = $?;
    }
    my $status = $command->{status};
    exit($status & 127 ? 128 + ($status & 127) : $status >> 8);
}

# The command holds one end of a pipe as long as it lives, so that waiting for its end and for bytes is one wait. A signal would not do: one that comes
# just before the wait begins goes unnoticed in it.
sub start {
    my ($in, $out, $err, $score, @command) = @_;
    pipe my $told, my $held or die "cannot make a pipe: $!\n";
    my $child = fork // die "cannot fork: $!\n";
    return { pid => $child, told => $told } if $child;
    fcntl $held, F_SETFD, 0;
    # crun leaves it as it finds it.
    if (open my $file, '>', '/proc/self/oom_score_adj') { syswrite $file, $score }
    open STDIN, '<&', $in;
    open STDOUT, '>&', $out;
    open STDERR, '>&', $err;
    $SIG{PIPE} = 'DEFAULT';
    { exec @command }
    kill 'KILL', $$;
}

sub run {
    my ($score, @command) = @_;
    pipe my $in, my $feed or die "cannot make a pipe: $!\n";
    pipe my $out, my $to_out or die "cannot make a pipe: $!\n";
    pipe my $err, my $to_err or die "cannot make a pipe: $!\n";
    my $command = start($in, $to_out, $to_err, $score, @command);
    close $_ for $in, $to_out, $to_err;
    my @outputs = (flow($out, \*STDOUT), flow($err, \*STDERR));
    pump($command, @outputs, flow(\*STDIN, $feed, at_end => sub { close $feed }));
    drain($_) for @outputs;
    finish($command);
}

sub terminal {
    my ($score, @command) = @_;
    sysopen my $master, '/dev/ptmx', O_RDWR | O_NOCTTY or die "cannot open a terminal: $!\n";
    my $unlocked = pack 'i', 0;
    ioctl $master, $unlock, $unlocked or die "cannot unlock a terminal: $!\n";
    my $number = pack 'I', 0;
    ioctl $master, $get_number, $number or die "cannot name a terminal: $!\n";
    sysopen my $slave, '/dev/pts/' . unpack('I', $number), O_RDWR | O_NOCTTY or die "cannot open a terminal: $!\n";
    # This terminal only carries bytes to the container's own, so it must not touch them: flags as cfmakeraw(3) has them.
    my $settings = "\0" x 64;
    ioctl $slave, $tcgets, $settings or die "cannot read a terminal: $!\n";
    my ($input, $output, $control, $local, $rest) = unpack 'IIIIa*', $settings;
    my $raw = pack 'IIIIa*', $input & ~02753, $output & ~1, $control, $local & ~0100113, $rest;
    ioctl $slave, $tcsets, $raw or die "cannot set a terminal: $!\n";
    open my $sizes, '<&=', 3 or die "no descriptor for sizes: $!\n";
    # The first size comes before the command starts, if it comes at all at once.
    my $lines = '';
    my $resize = sub {
        $lines .= $_[0];
        while ($lines =~ s/^(\d+) (\d+)\n//) {
            my $size = pack 'SSSS', $1, $2, 0, 0;
            ioctl $master, $set_size, $size;
        }
        return ($master, '');
    };
    # A session of its own makes this its controlling terminal, and changes of size reach it as signals.
    my $command = start($slave, $slave, $slave, $score, 'setsid', '--ctty', @command);
    close $slave;
    my $output_flow = flow($master, \*STDOUT, last => 1);
    pump($command, $output_flow, flow(\*STDIN, $master), flow($sizes, $master, choose => $resize));
    drain($output_flow);
    finish($command);
}
