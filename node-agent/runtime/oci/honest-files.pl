#!/usr/bin/perl
# Puts lxcfs' files into running containers, or takes them out.
#
#   honest-files.pl attach FOLDER PID...   takes out those of an lxcfs that has died, and puts in those below FOLDER
#   honest-files.pl detach FOLDER PID...   takes them out: the kernel's own show again
#
# PID is any process of a container; one that has ended is passed over. Nothing of the container is run: each is entered by its mount namespace, with
# the files to put in already at hand.
use strict;
use warnings;
use POSIX ();

my ($what, $folder, @pids) = @ARGV;
my @files = split /\n/, do { local $/; <STDIN> };
my %attach = (attach => 1, detach => 0);
defined $attach{$what // ''} or die "unknown mode\n";

# Numbers of Linux's calls: the newer ones are the same on x86 and ARM.
my $arm = (POSIX::uname())[4] eq 'aarch64';
my ($open_tree, $move_mount, $mount_setattr) = (428, 429, 442);
my ($setns, $umount2) = $arm ? (268, 39) : (308, 166);
my ($here, $clone, $close_on_exec, $from_empty) = (-100, 1, 02000000, 4);
my ($mount_namespace, $detached, $no_follow) = (0x00020000, 2, 8);
# To be read alone, and nobody else's: what to set, what to clear, how it spreads, and no user namespace.
my ($itself, $guarded) = (0x1000, pack 'Q4', 1, 0, 1 << 18, 0);

my $failed = 0;
for my $pid (@pids) {
    my $child = fork() // die "fork: $!\n";
    if ($child == 0) {
        eval { serve($pid); 1 } or do { print STDERR "$pid: $@"; POSIX::_exit(1) };
        POSIX::_exit(0);
    }
    waitpid $child, 0;
    $failed = 1 if $?;
}
exit $failed;

sub serve {
    my ($pid) = @_;
    open my $namespace, '<', "/proc/$pid/ns/mnt" or return;
    open my $table, '<', "/proc/$pid/mountinfo" or return;
    # Only what lxcfs has put there may be taken away; what is this one's already stays.
    my (@old, %kept);
    for (grep { / - fuse\.lxcfs / } <$table>) {
        my ($device, $point) = (split ' ')[2, 4];
        if ($attach{$what} && $device eq device()) { $kept{$point} = 1 } else { push @old, $point }
    }
    my %new;
    if ($attach{$what}) {
        for my $file (grep { !$kept{$_} } @files) {
            my $source = "$folder$file";
            my $fd = syscall $open_tree, $here, $source, $clone | $close_on_exec;
            die "open $source: $!\n" if $fd < 0;
            my $empty = '';
            die "guard $source: $!\n" if syscall($mount_setattr, $fd, $empty, $itself, $guarded, length $guarded) < 0;
            $new{$file} = $fd;
        }
    }
    return unless @old || %new;
    die "enter: $!\n" if syscall($setns, fileno $namespace, $mount_namespace) < 0;
    for my $point (reverse @old) {
        my $path = $point;
        die "unmount $path: $!\n" if syscall($umount2, $path, $detached | $no_follow) < 0;
    }
    my $nothing = '';
    for my $file (sort keys %new) {
        my $target = $file;
        die "mount $target: $!\n" if syscall($move_mount, $new{$file}, $nothing, $here, $target, $from_empty) < 0;
    }
}

# The number of the file system that FOLDER shows, as tables of mounts have it: such systems have no major number.
sub device {
    my $device = (stat $folder)[0] // die "$folder: $!\n";
    return '0:' . (($device & 0xff) | (($device >> 12) & 0xfff00));
}
