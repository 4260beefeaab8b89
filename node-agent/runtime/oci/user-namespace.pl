#!/usr/bin/perl
# What of user namespaces neither a shell nor Node can do. Numbers of system calls are those that all of Linux's machines share.
#
#   user-namespace.pl make FIRST COUNT KIND...       makes a user namespace, and namespaces that it owns (net, ipc, uts), and pins each to the file of its name
#                                                    in this folder. Ids 0 to COUNT - 1 inside are FIRST to FIRST + COUNT - 1 outside.
#   user-namespace.pl map NAMESPACE SOURCE TARGET    shows SOURCE at TARGET with the owners that it has, as seen from within the pinned user namespace
#   user-namespace.pl probe NAMESPACE FOLDER...      fails unless the files of each folder could be shown so
use strict;
use warnings;

my ($open_tree, $move_mount, $mount_setattr) = (428, 429, 442);
my ($at_cwd, $at_empty_path) = (-100, 0x1000);
my ($clone_and_close_on_exec, $from_empty_path, $idmap, $private) = (1 | 02000000, 4, 0x100000, 0x40000);
my $mode = shift @ARGV // '';
my %modes = (make => \&make, map => \&map_owners, probe => \&probe);
($modes{$mode} or die "unknown mode\n")->(@ARGV);

# The child holds the namespaces until all of them have a name; it ends with its input.
sub make {
    my ($first, $count, @kinds) = @_;
    pipe my $made, my $tell or die "cannot make a pipe: $!\n";
    pipe my $wait, my $hold or die "cannot make a pipe: $!\n";
    my $child = fork // die "cannot fork: $!\n";
    if (!$child) {
        close $_ for $made, $hold;
        open STDOUT, '>&', $tell;
        open STDIN, '<&', $wait;
        { exec 'unshare', '--user', (map { "--$_" } @kinds), 'sh', '-c', 'echo && read -r _' }
        die "cannot run unshare: $!\n";
    }
    close $_ for $tell, $wait;
    defined readline $made or die "cannot make a user namespace\n";
    for my $file ('uid_map', 'gid_map') {
        open my $map, '>', "/proc/$child/$file" or die "cannot open $file: $!\n";
        defined syswrite $map, "0 $first $count\n" or die "cannot write $file: $!\n";
    }
    for my $kind ('user', @kinds) {
        open my $pin, '>', $kind or die "cannot make $kind: $!\n";
        attach(take("/proc/$child/ns/$kind"), $kind);
    }
    close $hold;
    waitpid $child, 0;
}

sub map_owners {
    my ($namespace, $source, $target) = @_;
    attach(mapped($namespace, $source), $target);
}

sub probe {
    my ($namespace, @folders) = @_;
    mapped($namespace, $_) for @folders;
}

sub mapped {
    my ($namespace, $source) = @_;
    open my $users, '<', $namespace or die "cannot open $namespace: $!\n";
    my $tree = take($source);
    # What is mounted below the source later is not to appear here too.
    my ($empty, $attributes) = ('', pack 'Q4', $idmap, 0, $private, fileno $users);
    syscall($mount_setattr, $tree, $empty, $at_empty_path, $attributes, length $attributes) == 0
        or die "the file system of $source cannot show other owners: $!\n";
    return $tree;
}

sub take {
    my ($source) = @_;
    my $tree = syscall $open_tree, $at_cwd, $source, $clone_and_close_on_exec;
    die "cannot open $source: $!\n" if $tree < 0;
    return $tree;
}

sub attach {
    my ($tree, $target) = @_;
    my $empty = '';
    syscall($move_mount, $tree, $empty, $at_cwd, $target, $from_empty_path) == 0
        or die "cannot mount at $target: $!\n";
}
