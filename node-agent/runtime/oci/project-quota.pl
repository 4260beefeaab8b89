# Limits what a folder and all that will be made below it may take of its file system, by a project quota. Needs Linux 5.14.
#   perl project-quota.pl probe FOLDER          ends well when its file system keeps such quotas
#   perl project-quota.pl limit FOLDER BYTES    FOLDER is empty; may be repeated
# The project's number is made of the folder's inode: no two folders of a file system have the same, and nobody need remember it.
use strict;
use warnings;
use Fcntl qw(O_RDONLY O_DIRECTORY);

my ($verb, $folder, $bytes) = @ARGV;
my $quotactl_fd = 443;
my ($get_quota, $set_quota) = map { $_ << 8 | 2 } 0x800007, 0x800008;
my ($get_attributes, $set_attributes) = (0x801c581f, 0x401c5820);
my $inherited = 0x200;
my $limits_valid = 1;
# Numbers below are left to people and to other programs.
my $first = 2**31;

sysopen(my $handle, $folder, O_RDONLY | O_DIRECTORY) or die "Cannot open $folder: $!\n";
my $fd = fileno $handle;

if ($verb eq 'probe') {
  my $quota = "\0" x 72;
  exit 0 if syscall($quotactl_fd, $fd, $get_quota, $first, $quota) == 0;
  # They are kept, and nobody has the number yet.
  exit 0 if $!{ENOENT};
  die "Cannot limit folders of $folder: $!\n";
}

my $inode = (stat $folder)[1];
die "Cannot limit $folder: its inode is beyond the numbers of projects\n" if $inode >= 2**31;
my $project = $first + $inode;
my $attributes = "\0" x 28;
ioctl($handle, $get_attributes, $attributes) or die "Cannot read the attributes of $folder: $!\n";
my ($flags, $extent, $extents, undef, $rest) = unpack 'L4 a12', $attributes;
$attributes = pack 'L4 a12', $flags | $inherited, $extent, $extents, $project, $rest;
ioctl($handle, $set_attributes, $attributes) or die "Cannot give $folder a project: $!\n";
# In blocks of 1024 bytes.
my $quota = pack 'Q8 L x4', int(($bytes + 1023) / 1024), (0) x 7, $limits_valid;
syscall($quotactl_fd, $fd, $set_quota, $project, $quota) == 0 or die "Cannot limit $folder: $!\n";
